"""A model world: workflows whose runs leave spans as the worker and the orchestrator write them, without any engine."""
