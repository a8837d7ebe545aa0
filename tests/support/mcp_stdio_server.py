"""A server of the `mcp` package on standard input and output, for tests: it adds, and says which variables it has."""

import os

from mcp.server.mcpserver import MCPServer

server = MCPServer("adder")


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
def variables() -> list[str]:
    """Name the variables of this process."""
    return sorted(os.environ)


if __name__ == "__main__":
    server.run("stdio")
