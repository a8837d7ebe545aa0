"""Policies at work: which one decides for an organisation, what a run pins of it, and policies by their hash."""
