"""Moves of an organisation between two local systems, under load and with processes killed."""
