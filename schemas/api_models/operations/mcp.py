"""MCP servers that workflows call, and the tools of them that are pinned."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, JsonValue

from schemas.api_models.base import Answer, Request, Text
from schemas.labels.servers import DataClass, ServerIntegrity

_SERVER: dict[str, JsonValue] = {
    "url": "https://mcp.example.com/mcp",
    "headers": {"Authorization": "Bearer ${SECRET:MCP_KEY}"},
}
ToolName = Annotated[str, Field(min_length=1, max_length=200)]


class PutMcpServer(Request):
    """A server that speaks MCP over streamable HTTP. Headers name secrets as ``${SECRET:NAME}``.

    ``integrity`` is how far what its tools give is trusted under a policy, ``classes`` are the classes of data that it
    has. A policy that declares `mcp.call` itself is only made stricter by them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [_SERVER]})

    url: Annotated[Text, Field(min_length=1, max_length=2_000)]
    headers: Annotated[dict[str, Text], Field(max_length=20)] = {}
    description: Text = Field(default="", max_length=500)
    integrity: ServerIntegrity = "web"
    classes: list[DataClass] = Field(default=[], max_length=20)
    timeout_ms: int = Field(default=30_000, ge=1, le=300_000)
    enabled: bool = True


class PinTools(Request):
    """Tools by name, each with the hash that was read (or the beginning of it), or ``null`` for any."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_extra={"examples": [{"tools": {"search": None}}]}
    )

    tools: Annotated[dict[ToolName, str | None], Field(min_length=1, max_length=100)]


class McpServerAnswer(Answer):
    """A declared server; one of the ``installation`` shows its name only. ``pinned`` tools may be called."""

    name: str
    installation: bool
    url: str | None
    headers: dict[str, str]
    description: str
    integrity: ServerIntegrity | None
    classes: list[str]
    timeout_ms: int | None
    enabled: bool
    pinned: list[str]
    warnings: list[str] = []
    created_at: str | None
    changed_at: str | None


class McpServerPage(Answer):
    """All servers that the organisation may use, by name."""

    servers: list[McpServerAnswer]


class McpToolAnswer(Answer):
    """A tool as its server lists it now. ``hash`` covers name, title, description and both schemas.

    ``state``: ``new``, ``pinned``, ``changed`` since it was pinned, or ``gone``. ``fault``: why it cannot be pinned.
    """

    name: str
    state: Literal["pinned", "changed", "new", "gone"]
    hash: str | None
    pinned_hash: str | None
    fault: str | None
    definition: dict[str, Any]


class McpToolPage(Answer):
    """The tools of a server."""

    tools: list[McpToolAnswer]
