"""Triggers of organisations and how far topics were submitted, in PostgreSQL."""
