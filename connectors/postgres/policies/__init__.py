"""Policies of organisations: versions that never change, and which of them decides."""
