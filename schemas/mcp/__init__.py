"""The Model Context Protocol (modelcontextprotocol.io) as data: messages, versions, and AgentFlow as a server."""
