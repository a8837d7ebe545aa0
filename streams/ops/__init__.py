"""Operator commands on the fenced tables: python -m streams.ops."""
