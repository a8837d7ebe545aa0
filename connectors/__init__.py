"""One edge of the world per file. Each maps its library's exceptions to ours in one place."""
