"""The registry of prompts: what a version is made of, labels, and what may be archived."""
