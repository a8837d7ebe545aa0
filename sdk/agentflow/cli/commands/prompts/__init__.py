"""Commands of ``agentctl prompt``."""
