"""What organisations declare of tools on queues. Every statement names its organisation."""

from dataclasses import dataclass

import asyncpg
import msgspec
from msgspec.structs import asdict

from connectors.postgres.database import Database, epoch_ms, returned
from schemas.errors import Conflict, NotFound
from schemas.records.security.pinned import ToolSecurity

#: A submission reads all of an organisation at once.
MOST_TOOLS = 1_000
_COLUMNS = f"queue, tool, security, declared_by, {epoch_ms('declared_at')} AS declared_ms"

Key = tuple[str, str]
"""A queue, as nodes name it, and a tool."""


@dataclass(frozen=True, slots=True)
class QueueTool:
    """A tool of a queue, and what is declared of it."""

    queue: str
    tool: str
    security: ToolSecurity
    declared_by: str
    declared_ms: int


class QueueToolStore:
    """The declarations of all organisations. All methods raise ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, org_id: str, key: Key, security: ToolSecurity, by: str) -> QueueTool:
        """Declare a tool, in place of what was declared of it. Raises ``Conflict`` for too many."""
        async with self._database.transaction("declare a tool of a queue") as conn:
            await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('queue_tool:' || $1, 0))", org_id)
            others = "SELECT count(*) FROM queue_tool WHERE org_id = $1 AND (queue, tool) <> ($2, $3)"
            if await conn.fetchval(others, org_id, *key) >= MOST_TOOLS:
                raise Conflict(
                    f"the organisation has declared {MOST_TOOLS} tools of queues, the most there may be; remove one"
                )
            row = await conn.fetchrow(
                "INSERT INTO queue_tool (org_id, queue, tool, security, declared_by) VALUES ($1, $2, $3, $4, $5) "
                "ON CONFLICT (org_id, queue, tool) DO UPDATE SET security = excluded.security, "
                f"declared_by = excluded.declared_by, declared_at = now() RETURNING {_COLUMNS}",
                *(org_id, *key, asdict(security), by),
            )
        return _read(returned(row, "declare a tool of a queue"))

    async def delete(self, org_id: str, key: Key) -> None:
        """Remove what is declared of a tool. Raises ``NotFound``."""
        row = await self._database.fetchrow(
            "remove the declaration of a tool",
            "DELETE FROM queue_tool WHERE org_id = $1 AND queue = $2 AND tool = $3 RETURNING tool",
            *(org_id, *key),
        )
        if row is None:
            raise NotFound(
                f"nothing is declared of tool {key[1]} of queue {key[0]}; list what is by GET /api/v1/queues/tools"
            )

    async def all(self, org_id: str) -> list[QueueTool]:
        """Return all declarations of an organisation, by queue and tool."""
        rows = await self._database.fetch(
            "list tools of queues",
            f"SELECT {_COLUMNS} FROM queue_tool WHERE org_id = $1 ORDER BY queue, tool",
            org_id,
        )
        return [_read(row) for row in rows]


def _read(row: asyncpg.Record) -> QueueTool:
    fields = dict(row)
    return QueueTool(**(fields | {"security": msgspec.convert(fields["security"], ToolSecurity)}))
