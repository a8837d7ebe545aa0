"""What organisations bring along for tools: secrets, and MCP servers."""
