"""``agentctl mcp``."""

import io
import sys

from agentflow.cli.options import command as make
from agentflow.cli.session import Session


@make(None, "mcp", formats=("json",), example="agentctl mcp --profile production")
def command(session: Session) -> None:
    """Serve workflows as tools to one MCP client, on standard input and output.

    Name this command in the configuration of an agent. It asks the API with the key of the settings: with one that may
    only read, nothing can be started.
    """
    from agentflow.cli.mcp_stdio import StdioServer

    # Lines of JSON in UTF-8 whatever the locale is, and without a translation of line ends.
    lines = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8", errors="replace")
    out = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="\n", write_through=True)
    try:
        StdioServer(session.api, out).serve(lines)
    finally:
        # The streams are the process', not ours to close.
        lines.detach()
        out.detach()
