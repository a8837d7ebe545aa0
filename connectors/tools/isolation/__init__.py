"""User code kept apart: tasks, threads and processes of its own, and what it raises."""
