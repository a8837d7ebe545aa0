"""Calls of MCP servers: which are declared, what is pinned of them, and a call that is made only of what was pinned.

1. the server is declared, by the organisation or by the installation, and enabled
2. the tool is pinned, and the arguments follow the schema that was pinned
3. a session is opened; the tool is there as it was pinned, or nothing is called
4. the call, and the check of what it gave by the output schema that was pinned
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from connectors.mcp.http_transport import HttpTransport
from connectors.mcp.session import McpSession, RemoteTool, Transport
from connectors.mcp.stdio_transport import StdioTransport
from connectors.postgres.tools.mcp import Declared, McpStore, StoredPin
from connectors.tools.context import ToolContext
from connectors.tools.environment import HttpRules
from connectors.tools.secrets import CallSecrets, filled, references
from connectors.tools.value_schemas import check_by_schema, check_result
from schemas.errors import StepError, Unavailable
from services.tools.installed_mcp import InstalledServer, environment
from services.tools.remembered import Remembered

Json = Any
State = Literal["pinned", "changed", "new", "gone"]
_CLOSE_S = 5.0


@dataclass(frozen=True)
class SeenTool:
    """A tool as its server lists it now, beside its pin."""

    name: str
    state: State
    hash: str | None
    pinned_hash: str | None
    definition: dict[str, Json]
    fault: str | None


class McpServers:
    """The MCP servers of all organisations. ``rules`` say which hosts may be asked at all."""

    def __init__(self, store: McpStore, rules: HttpRules, installed: Mapping[str, InstalledServer]) -> None:
        self._declared = Remembered(store.declared)
        self._rules = rules
        self._installed = installed

    @property
    def installed(self) -> Mapping[str, InstalledServer]:
        """The servers of the installation, by name."""
        return self._installed

    async def call(self, context: ToolContext, server: str, tool: str, args: dict[str, Json]) -> dict[str, Json]:
        """Return what a pinned tool gives. Raises ``StepError``."""
        declared = await self._known(context.org_id)
        pin = declared.pins.get((server, tool))
        place = self._place(declared, context.org_id, server)
        if pin is None:
            raise StepError(
                "mcp_not_pinned",
                f"tool {tool!r} of MCP server {server!r} is not pinned; look at it by `agentctl tool inspect "
                f"{server}`, and pin it by `agentctl tool pin {server} {tool}`",
            )
        given = _taken(pin, args)
        further = {"Idempotency-Key": context.idempotency_key, **context.trace_headers}
        async with self._session(context.org_id, place, context.secrets) as session:
            _check_unchanged(pin, await session.tools())
            found = await session.call(tool, given, further)
        if isinstance(schema := pin.definition.get("outputSchema"), dict):
            check_result(f"tool {tool!r} of MCP server {server!r}", schema, found["structured"])
        return found

    async def inspect(self, org_id: str, server: str, declared: Declared, secrets: CallSecrets) -> list[SeenTool]:
        """Return the tools that a server lists now, and those that were pinned and are gone. Raises ``StepError``."""
        async with self._session(org_id, self._place(declared, org_id, server), secrets) as session:
            live = await session.tools()
        pins = {name: pin for (where, name), pin in declared.pins.items() if where == server}
        seen = [_seen(one, pins.get(one.name)) for one in live.values()]
        gone = [SeenTool(name, "gone", None, pin.hash, pin.definition, None) for name, pin in pins.items()]
        return sorted(seen + [one for one in gone if one.name not in live], key=lambda one: one.name)

    async def _known(self, org_id: str) -> Declared:
        try:
            return await self._declared.of(org_id)
        except Unavailable as exc:
            raise StepError("mcp_unreachable", f"MCP servers cannot be read: {exc}", retryable=True) from exc

    def _place(self, declared: Declared, org_id: str, server: str) -> InstalledServer:
        stored, installed = declared.servers.get(server), self._installed.get(server)
        if stored is not None:
            if not stored.enabled:
                raise StepError("mcp_disabled", f"MCP server {server!r} is disabled; enable it, or call another one")
            return InstalledServer(url=stored.url, headers=stored.headers, timeout_ms=stored.timeout_ms)
        if installed is None or not installed.is_for(org_id):
            raise StepError(
                "unknown_mcp_server",
                f"the organisation has no MCP server {server!r}; declare it by `agentctl tool add-server`",
            )
        return installed

    @asynccontextmanager
    async def _session(self, org_id: str, place: InstalledServer, secrets: CallSecrets) -> AsyncIterator[McpSession]:
        session = McpSession(await self._transport(place, secrets))
        try:
            async with asyncio.timeout(place.timeout_ms / 1000):
                await session.open()
                yield session
        except TimeoutError as exc:
            raise StepError(
                "timeout", f"the MCP server gave no answer within {place.timeout_ms} ms", retryable=True
            ) from exc
        finally:
            # A call that is broken off still ends its process.
            await asyncio.shield(asyncio.wait_for(session.close(), _CLOSE_S))

    async def _transport(self, place: InstalledServer, secrets: CallSecrets) -> Transport:
        if place.command:
            return StdioTransport(place.command, place.variables(environment()))
        names = [name for value in place.headers.values() for name in references(value)]
        values = await secrets.for_site(names, urlsplit(place.url))
        headers = {name: filled(value, values) for name, value in place.headers.items()}
        return HttpTransport(place.url, headers, self._rules)


def _taken(pin: StoredPin, args: dict[str, Json]) -> dict[str, Json]:
    """Return the arguments that a tool takes, checked. A node without ``inputs`` gives more, which no server gets.

    Raises a final ``StepError`` ``bad_arguments``.
    """
    schema = pin.definition["inputSchema"]
    names = set(schema.get("properties") or {})
    takes_any = schema.get("additionalProperties") not in (None, False)
    given = args if takes_any else {name: value for name, value in args.items() if name in names}
    check_by_schema(f"tool {pin.tool!r} of MCP server {pin.server!r}", schema, given, None)
    return given


def _check_unchanged(pin: StoredPin, live: Mapping[str, RemoteTool]) -> None:
    now = live.get(pin.tool)
    what = f"tool {pin.tool!r} of MCP server {pin.server!r}"
    if now is None:
        raise StepError("mcp_tool_changed", f"{what} is gone, so nothing was called; unpin it, or ask its operator")
    if now.hash != pin.hash:
        raise StepError(
            "mcp_tool_changed",
            f"{what} is not the one that was pinned (then {pin.hash[:12]}, now {now.hash[:12]}); nothing was called; "
            f"read it by `agentctl tool inspect {pin.server}`, then `agentctl tool pin {pin.server} {pin.tool}`",
        )


def _seen(one: RemoteTool, pin: StoredPin | None) -> SeenTool:
    state: State = "new" if pin is None else "pinned" if pin.hash == one.hash else "changed"
    return SeenTool(one.name, state, one.hash, None if pin is None else pin.hash, one.definition, one.fault)
