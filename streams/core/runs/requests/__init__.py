"""Step requests: arguments, sizes, chained steps."""
