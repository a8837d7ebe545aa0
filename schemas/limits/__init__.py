"""Limits of calls: quotas, and stops."""
