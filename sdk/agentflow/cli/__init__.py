"""``agentctl``, the command line of AgentFlow. Nothing is imported before the command that needs it."""
