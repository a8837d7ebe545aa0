"""AgentFlow on one machine without installed servers: embedded engines and the roles."""
