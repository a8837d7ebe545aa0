"""``python -m deploy.growth``: more partitions for the topics of runs, while runs are in flight."""
