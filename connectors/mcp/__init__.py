"""A small client of MCP servers: messages over HTTP or a process' standard input, bounded in size and time."""
