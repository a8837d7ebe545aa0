"""Routes of runs: submit, read, follow, change."""
