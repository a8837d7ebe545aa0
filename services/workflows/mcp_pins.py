"""Nodes that call tools of MCP servers: each needs a pin, without which its calls fail."""

from collections.abc import Iterator
from dataclasses import dataclass

from schemas.errors import Problem
from schemas.labels.servers import MCP_CALL
from schemas.spec.loops import placed_nodes
from schemas.spec.model import ToolNode, WorkflowSpec


@dataclass(frozen=True, slots=True)
class McpNode:
    """One node's call, with its place in the document."""

    path: str
    server: str
    tool: str

    @property
    def warning(self) -> Problem:
        """The warning about a tool that is not pinned."""
        return Problem(
            f"{self.path}.config.tool_config.tool",
            f"tool {self.tool!r} of MCP server {self.server!r} is not pinned, so its calls fail",
            f"read it by `agentctl tool inspect {self.server}`, then `agentctl tool pin {self.server} {self.tool}`",
        )


def mcp_calls(spec: WorkflowSpec) -> Iterator[McpNode]:
    """Yield the calls of a workflow's nodes, those in loops too."""
    for path, node in placed_nodes(spec):
        if isinstance(node, ToolNode) and node.config.tool_name == MCP_CALL:
            server, tool = (node.config.tool_config.get(name) for name in ("server", "tool"))
            if isinstance(server, str) and isinstance(tool, str):
                yield McpNode(path, server, tool)
