"""Replay of recorded runs: their records from the log, and what is done again with them."""
