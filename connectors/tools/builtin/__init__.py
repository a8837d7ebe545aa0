"""The built-in tools and functions."""
