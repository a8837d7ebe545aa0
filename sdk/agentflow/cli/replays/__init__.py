"""Replays of recorded runs: where they are read from, what is done again, and how the result is shown."""
