"""Requests and answers for prompts, datasets and evaluations."""
