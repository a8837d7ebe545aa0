"""Audit logs in PostgreSQL."""
