"""Legal holds of runs."""

from dataclasses import dataclass

import asyncpg

from connectors.postgres.database import Database, epoch_ms, returned
from schemas.errors import Conflict, NotFound

_COLUMNS = (
    f"name, reason, run_id, workflow_name, {epoch_ms('since')} AS since_ms, {epoch_ms('until')} AS until_ms, "
    f"created_by, {epoch_ms('created_at')} AS created_ms"
)
#: How many are listed; holds are few.
LISTED = 1_000
#: SQL that is true where a hold keeps the run ``r``. ``since`` and ``until`` are of when the run was submitted.
HELD = """EXISTS (
    SELECT FROM run_hold AS h WHERE h.org_id = r.org_id
    AND (h.run_id IS NULL OR h.run_id = r.id) AND (h.workflow_name IS NULL OR h.workflow_name = r.workflow_name)
    AND (h.since IS NULL OR r.created_at >= h.since) AND (h.until IS NULL OR r.created_at < h.until)
)"""


@dataclass(frozen=True, slots=True)
class RunHold:
    """A hold. A condition that is ``None`` matches every run; times are milliseconds since 1970."""

    name: str
    reason: str
    run_id: str | None
    workflow_name: str | None
    since_ms: int | None
    until_ms: int | None
    created_by: str
    created_ms: int = 0


class RunHolds:
    """The holds of all organisations. Every method raises ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, org_id: str, hold: RunHold) -> RunHold:
        """Store a hold. Raises ``Conflict`` for a name that is taken."""
        row = await self._database.fetchrow(
            "store a hold of runs",
            "INSERT INTO run_hold (org_id, name, reason, run_id, workflow_name, since, until, created_by) VALUES "
            "($1, $2, $3, $4, $5, to_timestamp($6::double precision / 1000), to_timestamp($7::double precision / 1000),"
            f" $8) ON CONFLICT DO NOTHING RETURNING {_COLUMNS}",
            *(org_id, hold.name, hold.reason, hold.run_id, hold.workflow_name, hold.since_ms, hold.until_ms),
            hold.created_by,
        )
        if row is None:
            raise Conflict(f"there is a hold {hold.name}; choose another name, or remove it first")
        return _hold(returned(row, "store a hold of runs"))

    async def all(self, org_id: str) -> list[RunHold]:
        """Return the holds by name."""
        query = f"SELECT {_COLUMNS} FROM run_hold WHERE org_id = $1 ORDER BY name LIMIT {LISTED}"
        return [_hold(row) for row in await self._database.fetch("list holds of runs", query, org_id)]

    async def remove(self, org_id: str, name: str) -> None:
        """Remove a hold. Raises ``NotFound``."""
        query = "DELETE FROM run_hold WHERE org_id = $1 AND name = $2 RETURNING name"
        if await self._database.fetchrow("remove a hold of runs", query, org_id, name) is None:
            raise NotFound(f"there is no hold {name}; see GET /api/v1/retention/holds")


def _hold(row: asyncpg.Record) -> RunHold:
    return RunHold(**dict(row))
