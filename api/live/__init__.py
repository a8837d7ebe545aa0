"""Live views of runs: streams of changes and their cursors."""
