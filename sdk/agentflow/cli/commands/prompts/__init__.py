"""Commands of ``agentctl prompt``."""

PROMPTS = "/api/v1/prompts"
