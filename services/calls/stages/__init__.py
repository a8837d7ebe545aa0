"""The stages of a call, one a file; their order is in ``services.calls.pipeline``."""
