"""Shapes of keys, one table per field. A shape is a public fact of the service that issues the key."""
