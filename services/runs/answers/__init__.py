"""What was answered in runs: why its route was chosen, and scores of it."""
