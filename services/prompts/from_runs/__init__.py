"""Datasets made of production runs: which steps become cases, what they were given, and what a policy takes out."""
