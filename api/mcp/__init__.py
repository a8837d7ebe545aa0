"""AgentFlow as an MCP server over HTTP."""
