"""A session with an MCP server: the handshake, its tools, a call of one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from schemas.errors import StepError
from schemas.ids import canonical_hash
from schemas.mcp.protocol import HANDSHAKE, LATEST_HANDSHAKE, Message, notification, request
from schemas.values.json_schemas import BadSchema
from schemas.values.strict_schemas import check_strict
from schemas.version import VERSION

Json = Any
MAX_PAGES: Final = 20
MAX_TOOLS: Final = 500
_SHOWN: Final = 500
#: What a pin covers: what a model is shown of a tool, and what its values are checked by.
_PINNED: Final = ("name", "title", "description", "inputSchema", "outputSchema")


class Transport(Protocol):
    """Carries messages. ``version`` is the revision that was agreed on."""

    version: str | None

    async def send(self, message: Message, further: Mapping[str, str]) -> Message | None:
        """Return the answer to a message, ``None`` for a notification. Raises ``StepError``."""
        ...

    async def close(self) -> None:
        """End what is open."""
        ...


@dataclass(frozen=True)
class RemoteTool:
    """A tool as its server describes it now. ``fault`` says why it cannot be pinned."""

    name: str
    definition: dict[str, Json]
    fault: str | None = None

    @property
    def hash(self) -> str:
        """The SHA-256 of what a pin covers."""
        return canonical_hash(self.definition)


class McpSession:
    """One session; ``open`` comes first. All methods raise ``StepError``."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._next = 0

    async def open(self) -> None:
        """Agree on a revision."""
        about = {"name": "agentflow", "version": VERSION}
        params = {"protocolVersion": LATEST_HANDSHAKE, "capabilities": {}, "clientInfo": about}
        found = await self._asked("initialize", params)
        version = found.get("protocolVersion")
        if version not in HANDSHAKE:
            spoken = ", ".join(HANDSHAKE)
            raise StepError("mcp_protocol", f"the MCP server speaks {version!r}; this client speaks {spoken}")
        self._transport.version = version
        await self._transport.send(notification("notifications/initialized"), {})

    async def tools(self) -> dict[str, RemoteTool]:
        """Return the server's tools by name."""
        found: dict[str, RemoteTool] = {}
        cursor: Json = None
        for _ in range(MAX_PAGES):
            page = await self._asked("tools/list", {"cursor": cursor} if cursor is not None else {})
            for one in page.get("tools") or ():
                if isinstance(one, dict) and isinstance(one.get("name"), str):
                    found[one["name"]] = remote_tool(one)
            cursor = page.get("nextCursor")
            if cursor is None:
                return found
            if len(found) > MAX_TOOLS:
                break
        raise StepError("too_large", f"the MCP server lists over {MAX_TOOLS} tools, or over {MAX_PAGES} pages")

    async def call(self, name: str, args: Mapping[str, Json], further: Mapping[str, str]) -> dict[str, Json]:
        """Return what a call gives: ``text``, ``structured``, ``content``. ``further`` are headers of the request."""
        meta = {f"agentflow/{key.lower()}": value for key, value in further.items()}
        params = {"name": name, "arguments": dict(args), "_meta": meta}
        found = await self._asked("tools/call", params, further)
        return result_of(name, found)

    async def close(self) -> None:
        """End it."""
        await self._transport.close()

    async def _asked(
        self, method: str, params: Mapping[str, Json], further: Mapping[str, str] | None = None
    ) -> dict[str, Json]:
        self._next += 1
        found = await self._transport.send(request(self._next, method, params), further or {})
        error, result = (found or {}).get("error"), (found or {}).get("result")
        if isinstance(error, dict):
            said = str(error.get("message", ""))[:_SHOWN]
            raise StepError("mcp_error", f"the MCP server refused {method} ({error.get('code')}): {said}")
        if not isinstance(result, dict):
            raise StepError("mcp_protocol", f"the MCP server's answer to {method} has no result")
        return result


def remote_tool(said: Mapping[str, Json]) -> RemoteTool:
    """Return a tool as a server describes it."""
    definition = {key: said[key] for key in _PINNED if said.get(key) is not None}
    return RemoteTool(said["name"], definition, _fault(definition))


def result_of(name: str, found: Mapping[str, Json]) -> dict[str, Json]:
    """Return the result of a call as a step's output. Raises a final ``StepError`` for one that says it failed."""
    content = [one for one in found.get("content") or () if isinstance(one, dict)]
    texts = [str(one.get("text", "")) for one in content if one.get("type") == "text"]
    text = "\n".join(texts)
    if found.get("resultType", "complete") != "complete":
        raise StepError("mcp_protocol", f"the MCP tool {name!r} asks for more input, which nobody gives here")
    if found.get("isError"):
        raise StepError("mcp_tool_failed", f"the MCP tool {name!r} failed: {text[:_SHOWN]}")
    rest = [one for one in content if one.get("type") != "text"]
    return {"text": text, "structured": found.get("structuredContent"), "content": rest}


def _fault(definition: Mapping[str, Json]) -> str | None:
    schema = definition.get("inputSchema")
    if not isinstance(schema, dict):
        return "it has no inputSchema"
    for name in ("inputSchema", "outputSchema"):
        try:
            if isinstance(one := definition.get(name), dict):
                check_strict(one)
        except BadSchema as exc:
            return f"its {name} is none that values can be checked by: {exc}"
    return None
