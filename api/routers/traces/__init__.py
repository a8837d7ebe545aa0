"""Traces: what runs did, when, and what each part cost."""
