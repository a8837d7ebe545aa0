"""Cells in PostgreSQL: places of organisations, moves, arrivals, and what is carried."""
