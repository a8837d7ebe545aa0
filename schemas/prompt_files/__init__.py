"""Prompts as files: AgentFlow's own format, and the formats of others that are imported and exported."""
