"""Moves of organisations between cells: what the source does, what the target does, and what both compare."""
