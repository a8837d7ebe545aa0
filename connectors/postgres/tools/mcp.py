"""MCP servers that organisations declare, and their pinned tools. Every statement names its organisation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from connectors.postgres.database import Database, epoch_ms, returned
from schemas.errors import Conflict, NotFound
from schemas.labels.servers import MCP_SOURCE

#: A worker reads all of an organisation at once.
MOST_SERVERS, MOST_PINS = 50, 500
_SERVER = (
    f"name, url, headers, description, source, timeout_ms, enabled, created_by, "
    f"{epoch_ms('created_at')} AS created_ms, {epoch_ms('changed_at')} AS changed_ms"
)
_PIN = f"server, tool, hash, definition, pinned_by, {epoch_ms('pinned_at')} AS pinned_ms"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSpec:
    """What an organisation declares of a server. ``headers`` name secrets as ``${SECRET:NAME}``.

    ``source`` is the label of what its tools give, as words of ``schemas.labels.label``.
    """

    name: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    source: Sequence[str] = MCP_SOURCE
    timeout_ms: int = 30_000
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class StoredServer:
    """A declared server, see ``ServerSpec``."""

    name: str
    url: str
    headers: dict[str, str]
    description: str
    source: list[str]
    timeout_ms: int
    enabled: bool
    created_by: str
    created_ms: int
    changed_ms: int


@dataclass(frozen=True, slots=True)
class StoredPin:
    """A tool as it was pinned."""

    server: str
    tool: str
    hash: str
    definition: dict[str, Any]
    pinned_by: str
    pinned_ms: int


@dataclass(frozen=True, slots=True)
class Declared:
    """All that an organisation has declared: servers by name, pins by server and tool."""

    servers: Mapping[str, StoredServer]
    pins: Mapping[tuple[str, str], StoredPin]


class McpStore:
    """The servers and pins of all organisations. All methods raise ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, org_id: str, spec: ServerSpec, by: str) -> StoredServer:
        """Declare a server, in place of the one of that name. Raises ``Conflict`` for too many.

        Another address is another server: its pins are removed.
        """
        async with self._database.transaction("declare an MCP server") as conn:
            await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('mcp_server:' || $1, 0))", org_id)
            there = await conn.fetch("SELECT name, url FROM mcp_server WHERE org_id = $1", org_id)
            before = {row["name"]: row["url"] for row in there}
            if spec.name not in before and len(before) >= MOST_SERVERS:
                raise Conflict(f"the organisation has {MOST_SERVERS} MCP servers, the most there may be; remove one")
            if before.get(spec.name, spec.url) != spec.url:
                await conn.execute("DELETE FROM mcp_pin WHERE org_id = $1 AND server = $2", org_id, spec.name)
            row = await conn.fetchrow(
                "INSERT INTO mcp_server (org_id, name, url, headers, description, source, timeout_ms, enabled, "
                "created_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (org_id, name) DO UPDATE SET "
                "url = excluded.url, headers = excluded.headers, description = excluded.description, "
                "source = excluded.source, "
                "timeout_ms = excluded.timeout_ms, enabled = excluded.enabled, changed_at = now() "
                f"RETURNING {_SERVER}",
                *(org_id, spec.name, spec.url, dict(spec.headers), spec.description, list(spec.source)),
                *(spec.timeout_ms, spec.enabled, by),
            )
        return StoredServer(**returned(row, "declare an MCP server"))

    async def declared(self, org_id: str) -> Declared:
        """Return all servers and pins of an organisation."""
        servers = await self._database.fetch(
            "list MCP servers", f"SELECT {_SERVER} FROM mcp_server WHERE org_id = $1 ORDER BY name", org_id
        )
        pins = await self._database.fetch(
            "list pinned tools", f"SELECT {_PIN} FROM mcp_pin WHERE org_id = $1 ORDER BY server, tool", org_id
        )
        return Declared(
            {row["name"]: StoredServer(**row) for row in servers},
            {(row["server"], row["tool"]): StoredPin(**row) for row in pins},
        )

    async def delete(self, org_id: str, name: str) -> None:
        """Remove a server with its pins. Raises ``NotFound``."""
        async with self._database.transaction("remove an MCP server") as conn:
            await conn.execute("DELETE FROM mcp_pin WHERE org_id = $1 AND server = $2", org_id, name)
            row = await conn.fetchrow(
                "DELETE FROM mcp_server WHERE org_id = $1 AND name = $2 RETURNING name", org_id, name
            )
        _there(row, f"there is no MCP server {name} of the organisation")

    async def pin(
        self, org_id: str, server: str, tool: str, digest: str, definition: Mapping[str, Any], by: str
    ) -> None:
        """Pin a tool as it is described now. Raises ``Conflict`` for too many."""
        async with self._database.transaction("pin a tool") as conn:
            count = await conn.fetchval("SELECT count(*) FROM mcp_pin WHERE org_id = $1", org_id)
            if count >= MOST_PINS:
                raise Conflict(f"the organisation has {MOST_PINS} pinned tools, the most there may be; unpin one")
            await conn.execute(
                "INSERT INTO mcp_pin (org_id, server, tool, hash, definition, security, pinned_by) "
                "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (org_id, server, tool) DO UPDATE SET "
                "hash = excluded.hash, definition = excluded.definition, pinned_by = excluded.pinned_by, "
                "pinned_at = now()",
                *(org_id, server, tool, digest, dict(definition), {}, by),
            )

    async def unpin(self, org_id: str, server: str, tool: str) -> None:
        """Remove a pin: the tool is called no more. Raises ``NotFound``."""
        row = await self._database.fetchrow(
            "unpin a tool",
            "DELETE FROM mcp_pin WHERE org_id = $1 AND server = $2 AND tool = $3 RETURNING tool",
            *(org_id, server, tool),
        )
        _there(row, f"tool {tool} of MCP server {server} is not pinned")


def _there(row: asyncpg.Record | None, message: str) -> None:
    if row is None:
        raise NotFound(f"{message}; list them by GET /api/v1/mcp/servers")
