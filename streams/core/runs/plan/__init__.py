"""A workflow compiled for folding."""
