"""Attempts of steps: how they end, and their spans."""
