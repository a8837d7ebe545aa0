"""AgentFlow as an MCP server, by the server's own rules.

In the checkout they are in ``schemas.mcp``; the build of the wheel copies them, see ``agentflow.engine``. They need the
extra ``cli``.
"""

from schemas.mcp.protocol import Incoming, RpcError, error_answer, read_message
from schemas.mcp.server import reply
from schemas.mcp.steps import Answered, Ask, Pause, Say

__all__ = ["Answered", "Ask", "Incoming", "Pause", "RpcError", "Say", "error_answer", "read_message", "reply"]
