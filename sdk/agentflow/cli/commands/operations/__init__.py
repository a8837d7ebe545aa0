"""Commands for operators: readiness, workers, topics, dead letters and the doctor."""
