"""Users' own workers, killed while they serve a queue."""
