"""Labels of what tools of MCP servers give: by the server that is declared, and the least trusted without a word."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from schemas.labels.label import Label, label_of

MCP_CALL = "mcp.call"
"""The tool by which nodes call MCP servers."""

#: What `mcp.call` declares of its results, and what a server has that says nothing.
MCP_SOURCE: Sequence[str] = ("web",)
ServerIntegrity = Literal["trusted", "user", "third_party", "web"]
DataClass = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.@:/+-]{1,128}$")]


def server_words(integrity: ServerIntegrity, classes: Iterable[str]) -> list[str]:
    """Return the label of what a server's tools give, as records have it."""
    return [integrity, *(f"class:{name}" for name in sorted(set(classes)))]


def server_label(words: Sequence[str]) -> Label:
    """Return the label of a server's words. Raises ``BadRecord`` for words that are no label."""
    return label_of(list(words))


def tool_key(name: str, config: Mapping[str, Any]) -> str:
    """Return by which name a run's security has what a node calls: of an MCP server's tool with the server."""
    server = config.get("server") if name == MCP_CALL else None
    return f"{name}:{server}" if isinstance(server, str) else name


def server_of(key: str) -> str:
    """Return the server in such a name, empty without one."""
    name, _, server = key.partition(":")
    return server if name == MCP_CALL else ""
