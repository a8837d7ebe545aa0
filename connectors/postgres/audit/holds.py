"""Legal holds of audit logs."""

from dataclasses import dataclass

import asyncpg

from connectors.postgres.database import Database, epoch_ms, returned
from schemas.errors import Conflict, NotFound

_COLUMNS = f"name, reason, kind, actor, run_id, from_ms, until_ms, created_by, {epoch_ms('created_at')} AS created_ms"
#: How many are listed; holds are few.
LISTED = 1_000


@dataclass(frozen=True, slots=True)
class StoredHold:
    """A hold. A condition that is ``None`` matches every entry."""

    name: str
    reason: str
    kind: str | None
    actor: str | None
    run_id: str | None
    from_ms: int | None
    until_ms: int | None
    created_by: str
    created_ms: int = 0


class AuditHolds:
    """The holds of all organisations. Every method raises ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, org_id: str, hold: StoredHold) -> StoredHold:
        """Store a hold. Raises ``Conflict`` for a name that is taken."""
        row = await self._database.fetchrow(
            "store a legal hold",
            "INSERT INTO audit_hold (org_id, name, reason, kind, actor, run_id, from_ms, until_ms, created_by) "
            f"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING RETURNING {_COLUMNS}",
            *(org_id, hold.name, hold.reason, hold.kind, hold.actor, hold.run_id, hold.from_ms, hold.until_ms),
            hold.created_by,
        )
        if row is None:
            raise Conflict(f"there is a legal hold {hold.name}; choose another name, or remove it first")
        return _hold(returned(row, "store a legal hold"))

    async def all(self, org_id: str) -> list[StoredHold]:
        """Return the holds by name."""
        query = f"SELECT {_COLUMNS} FROM audit_hold WHERE org_id = $1 ORDER BY name LIMIT {LISTED}"
        return [_hold(row) for row in await self._database.fetch("list legal holds", query, org_id)]

    async def remove(self, org_id: str, name: str) -> None:
        """Remove a hold. Raises ``NotFound``."""
        query = "DELETE FROM audit_hold WHERE org_id = $1 AND name = $2 RETURNING name"
        if await self._database.fetchrow("remove a legal hold", query, org_id, name) is None:
            raise NotFound(f"there is no legal hold {name}; see GET /api/v1/audit/holds")


def _hold(row: asyncpg.Record) -> StoredHold:
    return StoredHold(**dict(row))
