"""What organisations store for tools: secrets, and MCP servers with the tools that may be called."""
