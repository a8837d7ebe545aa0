"""Writes audit logs: repeats, entries, subtrees, checkpoints and retention of one batch in one transaction."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any

import asyncpg

from connectors.postgres.database import Connection, Database
from schemas.audit.log import Expiry, LogChange, LogEntry, LogHead
from schemas.audit.tree import HASH_BYTES

Decide = Callable[[Mapping[str, LogHead], Collection[tuple[str, str]]], Awaitable[Sequence[LogChange]]]

#: A process that is stopped in here would hold the heads for ever: the database ends its transaction instead.
_BOUND = "SET LOCAL idle_in_transaction_session_timeout = '15s'"
_BEGIN = "INSERT INTO audit_log (org_id) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING"
#: In one order, so that two writers cannot wait for each other.
_HEADS = """
SELECT org_id, size, frontier, chain, at_ms, signed, kept, kept_ms FROM audit_log WHERE org_id = ANY($1)
ORDER BY org_id FOR UPDATE
"""
_KNOWN = """
SELECT e.org_id, e.event_id FROM audit_entry e
JOIN unnest($1::text[], $2::text[]) AS v (org_id, event_id) ON e.org_id = v.org_id AND e.event_id = v.event_id
"""
_COLUMNS = (
    *("org_id", "index", "event_id", "kind", "at_ms", "actor", "action", "run_id"),
    *("sha256", "leaf", "nodes", "data"),
)
_HEAD = """
UPDATE audit_log SET size = $2, frontier = $3, chain = $4, at_ms = $5, signed = $6, kept = $7, kept_ms = $8
WHERE org_id = $1
"""
_CHECKPOINT = "INSERT INTO audit_checkpoint (org_id, size, at_ms, note) VALUES ($1, $2, $3, $4)"
_REPLACED = "DELETE FROM audit_checkpoint WHERE org_id = $1 AND size = $2"
_KEY = "INSERT INTO audit_key (public_key) VALUES ($1) ON CONFLICT DO NOTHING"
_EXPIRE = """
UPDATE audit_entry e SET data = NULL, actor = NULL, action = NULL, run_id = NULL
WHERE e.org_id = $1 AND e.kind = $2 AND e.at_ms < $3 AND e.index < $4 AND e.data IS NOT NULL
AND e.action <> 'audit.expired'
AND NOT EXISTS (
    SELECT 1 FROM audit_hold h WHERE h.org_id = e.org_id
    AND (h.kind IS NULL OR h.kind = e.kind) AND (h.actor IS NULL OR h.actor = e.actor)
    AND (h.run_id IS NULL OR h.run_id = e.run_id)
    AND (h.from_ms IS NULL OR e.at_ms >= h.from_ms) AND (h.until_ms IS NULL OR e.at_ms < h.until_ms)
)
"""


class AuditWrites:
    """The writing side. ``public_key`` is that of the process that signs, if it signs."""

    def __init__(self, database: Database, public_key: str | None = None) -> None:
        self._database = database
        self._public_key = public_key
        self._key_is_known = public_key is None

    async def change(self, events: Sequence[tuple[str, str]], decide: Decide) -> None:
        """Make in one transaction what ``decide`` returns. Raises ``Unavailable``.

        ``events`` are organisations and event ids; ``decide`` gets the locked heads, and the events that are entries.
        """
        orgs = sorted({org_id for org_id, _ in events})
        async with self._database.transaction("write the audit log") as conn:
            await conn.execute(_BOUND)
            await conn.execute(_BEGIN, orgs)
            heads = {row["org_id"]: _head(row) for row in await conn.fetch(_HEADS, orgs)}
            rows = await conn.fetch(_KNOWN, [org for org, _ in events], [_text(event_id) for _, event_id in events])
            stored = {(row["org_id"], row["event_id"]) for row in rows}
            known = [(org, event_id) for org, event_id in events if (org, _text(event_id)) in stored]
            for change in await decide(heads, known):
                await self._write(conn, change)
            if not self._key_is_known:
                await conn.execute(_KEY, self._public_key)
        self._key_is_known = True

    async def _write(self, conn: Connection, change: LogChange) -> None:
        org_id, head = change.org_id, change.head
        if change.entries:
            # Half of what an INSERT costs: the rows go as the server has them.
            rows = [(org_id, *_row(entry)) for entry in change.entries]
            await conn.copy_records_to_table("audit_entry", records=rows, columns=_COLUMNS)
        await conn.execute(
            _HEAD, org_id, head.size, b"".join(head.frontier), head.chain, head.at_ms, head.signed, head.kept,
            head.kept_ms,
        )  # fmt: skip
        if change.checkpoint is not None:
            await conn.execute(
                _CHECKPOINT, org_id, change.checkpoint.size, change.checkpoint.at_ms, change.checkpoint.note
            )
        if change.replaces:
            await conn.execute(_REPLACED, org_id, change.replaces)
        for expiry in change.expiries:
            await _expire(conn, org_id, expiry)


async def _expire(conn: Connection, org_id: str, expiry: Expiry) -> None:
    await conn.execute(_EXPIRE, org_id, expiry.kind, expiry.before_ms, expiry.index)


def _head(row: asyncpg.Record) -> LogHead:
    hashes = row["frontier"]
    return LogHead(
        size=row["size"],
        frontier=tuple(hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)),
        chain=row["chain"],
        at_ms=row["at_ms"],
        signed=row["signed"],
        kept=row["kept"],
        kept_ms=row["kept_ms"],
    )


def _row(entry: LogEntry) -> tuple[Any, ...]:
    event = entry.event
    return (
        entry.index,
        _text(event.event_id),
        event.kind,
        event.at_ms,
        _text(event.actor),
        _text(event.action),
        _text(event.run_id) or None,
        entry.sha256,
        entry.leaf,
        b"".join(entry.nodes) or None,
        entry.data,
    )


def _text(text: str) -> str:
    """PostgreSQL's text has no U+0000. The entry's bytes have it; here it is only for finding."""
    return text.replace("\0", "\ufffd")
