"""Suggestions that were applied: which version each made of a workflow, and which one undid it."""

from dataclasses import dataclass
from typing import Any

import asyncpg

from connectors.postgres.database import Database, epoch_ms

MAX_LISTED = 1_000
_COLUMNS = (
    "suggestion_id, workflow, node_id, kind, change, from_version, to_version, undone_version, "
    f"{epoch_ms('applied_at')} AS applied_ms, {epoch_ms('undone_at')} AS undone_ms"
)


@dataclass(frozen=True)
class AppliedChange:
    """One applied suggestion; ``undone_version`` is ``None`` while it stands."""

    suggestion_id: str
    workflow: str
    node_id: str
    kind: str
    change: dict[str, Any]
    from_version: int
    to_version: int
    undone_version: int | None = None
    applied_ms: int | None = None
    undone_ms: int | None = None


class OptimizerChanges:
    """The changes of all organisations; every method names one. All raise ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, org_id: str, one: AppliedChange) -> None:
        """Record a change before its version is stored; the same version may be tried again."""
        await self._database.fetchrow(
            "record a change",
            "INSERT INTO optimizer_change (org_id, suggestion_id, workflow, node_id, kind, change, from_version, "
            "to_version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (org_id, workflow, to_version) DO UPDATE "
            "SET suggestion_id = $2, node_id = $4, kind = $5, change = $6, from_version = $7, applied_at = now()",
            *(org_id, one.suggestion_id, one.workflow, one.node_id, one.kind, one.change),
            *(one.from_version, one.to_version),
        )

    async def forget(self, org_id: str, workflow: str, to_version: int) -> None:
        """Remove the record of a change whose version could not be stored."""
        await self._database.fetchrow(
            "remove a change",
            "DELETE FROM optimizer_change WHERE org_id = $1 AND workflow = $2 AND to_version = $3",
            *(org_id, workflow, to_version),
        )

    async def undone(self, org_id: str, workflow: str, to_version: int, undone_version: int) -> None:
        """Record which version undoes a change."""
        await self._database.fetchrow(
            "undo a change",
            "UPDATE optimizer_change SET undone_version = $4, undone_at = now() "
            "WHERE org_id = $1 AND workflow = $2 AND to_version = $3",
            *(org_id, workflow, to_version, undone_version),
        )

    async def find(self, org_id: str, suggestion_id: str) -> AppliedChange | None:
        """Return the newest change that a suggestion made."""
        row = await self._database.fetchrow(
            "read a change",
            f"SELECT {_COLUMNS} FROM optimizer_change WHERE org_id = $1 AND suggestion_id = $2 "
            "ORDER BY applied_at DESC, to_version DESC LIMIT 1",
            *(org_id, suggestion_id),
        )
        return None if row is None else _change(row)

    async def all(self, org_id: str) -> list[AppliedChange]:
        """Return the changes, the newest first."""
        rows = await self._database.fetch(
            "list changes",
            f"SELECT {_COLUMNS} FROM optimizer_change WHERE org_id = $1 ORDER BY applied_at DESC LIMIT {MAX_LISTED}",
            org_id,
        )
        return [_change(row) for row in rows]


def _change(row: asyncpg.Record) -> AppliedChange:
    return AppliedChange(**row)
