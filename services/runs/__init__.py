"""Submit, signal, restart and explain runs."""
