"""Reads audit logs: entries, checkpoints, public keys, and the hashes of which proofs are made."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import asyncpg

from connectors.postgres.database import Database
from schemas.audit.log import SignedCheckpoint
from schemas.audit.proofs import Range, perfect_parts, stored_parts, together
from schemas.audit.tree import HASH_BYTES, STRIDE, root_of

_COLUMNS = "index, kind, at_ms, sha256, leaf, data"
#: Only conditions that are wanted are in the statement, so that its indexes can be used.
_CONDITIONS = {
    "kind": "kind = ",
    "actor": "actor = ",
    "action": "action = ",
    "run_id": "run_id = ",
    "since_ms": "at_ms >= ",
    "until_ms": "at_ms < ",
}
#: What the partial indexes need to know.
_FEW = "kind <> 'decisions'"
_ROLE = "role:"
_LINES = f"SELECT {_COLUMNS} FROM audit_entry WHERE org_id = $1 AND index >= $2 AND index < $3 ORDER BY index"
_CHECKPOINT = """
SELECT size, at_ms, note FROM audit_checkpoint WHERE org_id = $1 AND ($2::bigint IS NULL OR size = $2)
ORDER BY size DESC LIMIT $3
"""
_NEAREST = {
    "before": "at_ms <= $2 ORDER BY size DESC",
    "after": "at_ms >= $2 ORDER BY size",
}
_HASHES = "SELECT index, leaf, nodes FROM audit_entry WHERE org_id = $1 AND index = ANY($2::bigint[])"


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries are wanted; times in ms."""

    kind: str | None = None
    actor: str | None = None
    action: str | None = None
    run_id: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry; ``data`` is ``None`` when retention removed it."""

    index: int
    kind: str
    at_ms: int
    sha256: bytes
    leaf: bytes
    data: bytes | None


class AuditReads:
    """The reading side. Every method names an organisation, and raises ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, org_id: str, wanted: EntryFilter, before: int | None, limit: int) -> list[StoredEntry]:
        """Return entries, the newest first, below index ``before``."""
        found: list[tuple[str, object]] = [("org_id = ", org_id)]
        found += [] if before is None else [("index < ", before)]
        given = ((text, getattr(wanted, name)) for name, text in _CONDITIONS.items())
        found += [(text, value) for text, value in given if value is not None]
        where = [f"{text}${place}" for place, (text, _) in enumerate(found, start=1)]
        if (wanted.kind or "decisions") != "decisions" or not (wanted.actor or _ROLE).startswith(_ROLE):
            where.append(_FEW)
        query = f"SELECT {_COLUMNS} FROM audit_entry WHERE {' AND '.join(where)} ORDER BY index DESC LIMIT {limit:d}"
        rows = await self._database.fetch("list the audit log", query, *(value for _, value in found))
        return [_entry(row) for row in rows]

    async def entries(self, org_id: str, start: int, end: int) -> list[StoredEntry]:
        """Return the entries of [start, end), in order."""
        return [_entry(row) for row in await self._database.fetch("read the audit log", _LINES, org_id, start, end)]

    async def checkpoints(self, org_id: str, limit: int, size: int | None = None) -> list[SignedCheckpoint]:
        """Return checkpoints, the newest first; only that over ``size`` entries where it is given."""
        rows = await self._database.fetch("read checkpoints", _CHECKPOINT, org_id, size, limit)
        return [SignedCheckpoint(row["size"], row["at_ms"], row["note"]) for row in rows]

    async def checkpoint_before(self, org_id: str, at_ms: int) -> SignedCheckpoint | None:
        """Return the newest checkpoint that is not younger than a time."""
        return await self._nearest(org_id, at_ms, "before")

    async def checkpoint_after(self, org_id: str, at_ms: int) -> SignedCheckpoint | None:
        """Return the oldest checkpoint that is not older than a time."""
        return await self._nearest(org_id, at_ms, "after")

    async def _nearest(self, org_id: str, at_ms: int, which: str) -> SignedCheckpoint | None:
        query = f"SELECT size, at_ms, note FROM audit_checkpoint WHERE org_id = $1 AND {_NEAREST[which]} LIMIT 1"
        row = await self._database.fetchrow("read a checkpoint", query, org_id, at_ms)
        return None if row is None else SignedCheckpoint(row["size"], row["at_ms"], row["note"])

    async def hashes(self, org_id: str, ranges: Sequence[Range]) -> list[bytes]:
        """Return the hashes of the ranges of a proof, in order. Raises ``LookupError`` if the log has not all."""
        parts = [[stored_parts(*part) for part in perfect_parts(*one)] for one in ranges]
        places = [(level, place) for one in parts for level, found in one for place in found]
        stored = await self._stored(org_id, places)
        return [together([root_of([stored[level, place] for place in found]) for level, found in one]) for one in parts]

    async def keys(self) -> list[str]:
        """Return the public keys that signed, the newest first."""
        rows = await self._database.fetch("read public keys", "SELECT public_key FROM audit_key ORDER BY first_at DESC")
        return [row["public_key"] for row in rows]

    async def _stored(self, org_id: str, places: Iterable[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
        """Return stored hashes by level and place: a subtree's root is with the entry that completes it."""
        wanted = {(level, place): (place + 1 << level) - 1 for level, place in places}
        rows = await self._database.fetch("read hashes", _HASHES, org_id, sorted(set(wanted.values())))
        by_index = {row["index"]: row for row in rows}
        found = {}
        for (level, place), index in wanted.items():
            row = by_index[index]
            at = (level // STRIDE - 1) * HASH_BYTES
            found[level, place] = row["leaf"] if level == 0 else row["nodes"][at : at + HASH_BYTES]
        return found


def _entry(row: asyncpg.Record) -> StoredEntry:
    return StoredEntry(row["index"], row["kind"], row["at_ms"], row["sha256"], row["leaf"], row["data"])
