"""Resolve a registered workflow with its prompts and nested workflows."""
