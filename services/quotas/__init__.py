"""Quotas: what providers let us ask, and who is next when it is short."""
