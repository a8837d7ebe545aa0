"""Validates a workflow at registration; runs trust the result."""
