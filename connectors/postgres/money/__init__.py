"""Budgets, quotas, stops, price lists and changes of the optimizer in PostgreSQL."""
