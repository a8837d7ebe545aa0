"""Readers of tables and of what runs left in Redis: they write nothing."""
