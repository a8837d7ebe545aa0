# Generated from `agentflow/client/aio` by `python -m sdk.generate`; do not edit.
"""The asynchronous client. The synchronous one is generated from it."""
