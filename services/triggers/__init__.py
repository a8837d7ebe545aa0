"""Triggers: requests and records of other systems become submissions of runs."""
