"""MCP servers that workflows call."""

from typing import Unpack

from agentflow.bodies import PinTools, PutMcpServer
from agentflow.client.aio.resource import AsyncResource
from agentflow.models import McpServerAnswer, McpServerPage, McpToolPage


class AsyncMcp(AsyncResource):
    """MCP servers that workflows may call, and the tools of them that are pinned."""

    async def list(self) -> McpServerPage:
        """Return the servers, those of the installation too."""
        return await self._ask(McpServerPage, "mcp.list")

    async def put(self, server: str, /, **body: Unpack[PutMcpServer]) -> McpServerAnswer:
        """Declare a server, or change it."""
        return await self._ask(McpServerAnswer, "mcp.put", server, json=body)

    async def delete(self, server: str) -> None:
        """Remove a server with its pins."""
        await self._raw("mcp.delete", server)

    async def inspect(self, server: str) -> McpToolPage:
        """Ask a server for its tools."""
        return await self._ask(McpToolPage, "mcp.inspect", server)

    async def pin(self, server: str, /, **body: Unpack[PinTools]) -> McpToolPage:
        """Pin tools as they are now."""
        return await self._ask(McpToolPage, "mcp.pin", server, json=body)

    async def unpin(self, server: str, tool: str) -> None:
        """Remove a pin."""
        await self._raw("mcp.unpin", server, tool)
