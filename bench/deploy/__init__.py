"""What lines of running it for real are measured with."""
