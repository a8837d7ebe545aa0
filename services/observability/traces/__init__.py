"""Traces as trees, from the spans of runs."""
