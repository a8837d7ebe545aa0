"""Two checkouts measured in turns: ``python -m bench.compare``."""
