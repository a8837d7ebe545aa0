"""Responses rendered from rows and records."""
