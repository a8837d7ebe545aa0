"""A client of Redis whose callers share a connection to each server, and a write for each turn of the loop."""
