"""The outbox of the ``definitions`` topic, and of what budgets say to the fold of money.

A definition and its outbox row are written in one transaction, so every definition in PostgreSQL reaches the topic
sooner or later, and a crash repeats it at worst. Readers take the newest per key, so a repeat changes nothing.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from connectors.ports.engine import OutRecord
from connectors.postgres.database import Connection, Database
from schemas.clock import now_ms
from schemas.records.base import Record
from schemas.records.definitions import Definition, DefinitionKind
from topics.catalogue import DEFINITIONS
from topics.codec import encode

#: Publishing holds one transaction open, so a batch is small enough to be acknowledged well within its deadline.
BATCH = 200
#: One publisher at a time, or two could swap the order of two definitions with one key.
LOCK = 7_220_419_581_004


async def enqueue(
    conn: Connection, kind: DefinitionKind, org_id: str, id_: str, body: dict[str, Any], version: int = 1
) -> None:
    """Write a definition's outbox row in the caller's transaction."""
    await _write(conn, Definition(kind=kind, org_id=org_id, id=id_, version=version, body=body, changed_at_ms=now_ms()))


async def withdraw(conn: Connection, kind: DefinitionKind, org_id: str, id_: str, version: int) -> None:
    """Write the outbox row that withdraws a definition, in the caller's transaction.

    ``version`` is above every earlier one, so that readers take the withdrawal in whatever order versions arrive.
    """
    await _write(
        conn, Definition(kind=kind, org_id=org_id, id=id_, version=version, deleted=True, changed_at_ms=now_ms())
    )


async def say(conn: Connection, topic: str, key: str, record: Record) -> None:
    """Write the outbox row of a record for another topic, in the caller's transaction."""
    await conn.execute(
        "INSERT INTO definition_outbox (topic, key, value) VALUES ($1, $2, $3)", topic, key, encode(record)
    )


async def _write(conn: Connection, definition: Definition) -> None:
    await say(conn, DEFINITIONS, definition.key, definition)


class Outbox:
    """The unpublished rows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def publish(self, append: Callable[[Sequence[OutRecord]], Awaitable[None]]) -> int:
        """Append one batch and remove it; return its size, 0 if nothing waits or another process is publishing.

        Raises ``Unavailable`` when either side does not answer; the rows stay.
        """
        async with self._database.transaction("publish definitions") as conn:
            if not await conn.fetchval("SELECT pg_try_advisory_xact_lock($1)", LOCK):
                return 0
            rows = await conn.fetch("SELECT id, topic, key, value FROM definition_outbox ORDER BY id LIMIT $1", BATCH)
            if rows:
                await append([OutRecord(row["topic"], row["key"].encode(), row["value"]) for row in rows])
                await conn.execute("DELETE FROM definition_outbox WHERE id = ANY($1)", [row["id"] for row in rows])
            return len(rows)
