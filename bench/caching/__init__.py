"""Requests on which the caches are measured: pairs of prompts that mean the same or not, and a shared load."""
