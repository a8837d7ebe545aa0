"""Webhooks of organisations and their deliveries, in PostgreSQL."""
