"""Prompts: what a version is, how it is named, rendered and tested. Data and pure functions."""
