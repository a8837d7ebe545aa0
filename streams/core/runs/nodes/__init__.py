"""The behaviour of each kind of node."""
