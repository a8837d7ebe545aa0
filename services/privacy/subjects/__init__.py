"""Data subjects: payloads that are sealed with a person's key, and the erasure of that person."""
