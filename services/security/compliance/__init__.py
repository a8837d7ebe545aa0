"""What organisations state of providers, and reports on what their policies decided."""
