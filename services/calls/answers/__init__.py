"""Answers of models: as values, checked by a schema, and as they come."""
