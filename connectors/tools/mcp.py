"""``mcp.call``: a tool of an MCP server that the organisation, or the installation, has declared and pinned."""

from typing import Any

from connectors.tools.context import ToolContext
from connectors.tools.registry import tool

CALL = "mcp.call"
CODES = ("mcp_refused", "mcp_tool_failed", "mcp_error", "mcp_tool_changed", "mcp_unreachable")


@tool(CALL, source="web", effects=True, codes=CODES)
class McpCall:
    """Call a tool of an MCP server; its arguments are those of the node. Returns ``text``, ``structured``, ``content``.

    The tool must be pinned (`agentctl tool pin`), and is called only while it is the one that was pinned.
    """

    def __init__(self, *, server: str, tool: str) -> None:
        self._server = server
        self._tool = tool

    async def __call__(self, context: ToolContext, **arguments: Any) -> dict[str, Any]:
        return await context.mcp.call(context, self._server, self._tool, arguments)
