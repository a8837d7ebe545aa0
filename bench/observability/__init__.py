"""Model worlds of runs, for the figures of the area ``observability``."""
