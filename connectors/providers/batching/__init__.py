"""Batch APIs of providers: many calls in one request, answered within a day at half the price."""
