"""What nodes, conditions and runs take in."""
