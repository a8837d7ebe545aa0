"""Providers that users write in Python, with the decorator of the SDK."""
