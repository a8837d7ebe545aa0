"""Cells: where organisations are, and how one moves to another cell."""
