"""Rollouts of prompts: starting one, deciding by hand, what its statistics say, and why it is undecided."""
