# Generated from `agentflow/client/aio` by `python -m sdk.generate`; do not edit.
"""MCP servers that workflows call."""

from typing import Unpack

from agentflow.bodies import PinTools, PutMcpServer
from agentflow.client.sync.resource import Resource
from agentflow.models import McpServerAnswer, McpServerPage, McpToolPage


class Mcp(Resource):
    """MCP servers that workflows may call, and the tools of them that are pinned."""

    def list(self) -> McpServerPage:
        """Return the servers, those of the installation too."""
        return self._ask(McpServerPage, "mcp.list")

    def put(self, server: str, /, **body: Unpack[PutMcpServer]) -> McpServerAnswer:
        """Declare a server, or change it."""
        return self._ask(McpServerAnswer, "mcp.put", server, json=body)

    def delete(self, server: str) -> None:
        """Remove a server with its pins."""
        self._raw("mcp.delete", server)

    def inspect(self, server: str) -> McpToolPage:
        """Ask a server for its tools."""
        return self._ask(McpToolPage, "mcp.inspect", server)

    def pin(self, server: str, /, **body: Unpack[PinTools]) -> McpToolPage:
        """Pin tools as they are now."""
        return self._ask(McpToolPage, "mcp.pin", server, json=body)

    def unpin(self, server: str, tool: str) -> None:
        """Remove a pin."""
        self._raw("mcp.unpin", server, tool)
