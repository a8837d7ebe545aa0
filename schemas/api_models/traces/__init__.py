"""Traces over HTTP: what is asked of them, and answers."""
