"""Emergency stops and pauses: stored with who made and resumed them, and brought to all processes that make calls."""

import secrets
from dataclasses import dataclass

import asyncpg

from connectors.postgres.database import Database, epoch_ms, returned
from connectors.postgres.outbox import enqueue, withdraw
from schemas.errors import NotFound
from schemas.limits.stops import Stop, StopMode, StopScope

_COLUMNS = (
    f"id, org_id, scope, target, mode, reason, created_by, {epoch_ms('created_at')} AS created_ms, resumed_by, "
    f"{epoch_ms('resumed_at')} AS resumed_ms"
)
#: How many are listed; those in force are few.
LISTED = 1_000


@dataclass(frozen=True)
class StoredStop:
    """A stop, and who made and resumed it: the ids of their keys."""

    stop: Stop
    created_by: str
    created_ms: int
    resumed_by: str | None
    resumed_ms: int | None


class Stops:
    """The stops of all organisations; every method names one. All raise ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self, org_id: str, scope: StopScope, target: str | None, mode: StopMode, reason: str, by: str
    ) -> StoredStop:
        """Store a stop; it is in force from here on."""
        stop_id = f"stop_{secrets.token_hex(8)}"
        async with self._database.transaction("store a stop") as conn:
            row = await conn.fetchrow(
                "INSERT INTO stop (id, org_id, scope, target, mode, reason, created_by) "
                f"VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING {_COLUMNS}",
                *(stop_id, org_id, scope, target, mode, reason, by),
            )
            stored = _stored(returned(row, "store a stop"))
            await enqueue(conn, "stop", org_id, stop_id, stored.stop.body())
            return stored

    async def all(self, org_id: str, *, resumed: bool) -> list[StoredStop]:
        """Return the stops that are in force, newest first, and those that were ``resumed``."""
        rows = await self._database.fetch(
            "list stops",
            f"SELECT {_COLUMNS} FROM stop WHERE org_id = $1 AND ($2 OR resumed_at IS NULL) "
            f"ORDER BY created_at DESC, id LIMIT {LISTED}",
            org_id,
            resumed,
        )
        return [_stored(row) for row in rows]

    async def resume(self, org_id: str, stop_id: str, by: str) -> StoredStop:
        """End a stop; one that has ended stays as it was. Raises ``NotFound``."""
        async with self._database.transaction("resume calls") as conn:
            row = await conn.fetchrow(
                "UPDATE stop SET resumed_by = coalesce(resumed_by, $3), resumed_at = coalesce(resumed_at, now()) "
                f"WHERE org_id = $1 AND id = $2 RETURNING {_COLUMNS}",
                *(org_id, stop_id, by),
            )
            if row is None:
                raise NotFound(f"there is no stop {stop_id}; see GET /api/v1/stops")
            await withdraw(conn, "stop", org_id, stop_id, 2)
            return _stored(row)


def _stored(row: asyncpg.Record) -> StoredStop:
    stop = Stop.model_validate(dict(row))
    return StoredStop(stop, row["created_by"], row["created_ms"], row["resumed_by"], row["resumed_ms"])
