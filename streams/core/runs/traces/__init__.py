"""The spans that a run's fold writes: the run's own and those of its steps."""
