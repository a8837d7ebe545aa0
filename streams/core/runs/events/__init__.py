"""One module per kind of event that a run receives."""
