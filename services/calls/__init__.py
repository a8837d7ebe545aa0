"""The model call: its stages, money and timeouts."""
