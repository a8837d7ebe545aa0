"""Batches as their organisation sees them. Every statement names the organisation."""

from dataclasses import dataclass

import asyncpg
import msgspec

from connectors.postgres.database import Database
from schemas.batches import BatchState, ItemState, Wake
from schemas.errors import NotFound

_SHOWN = (
    "b.id, b.provider, b.model, b.state, b.requests, b.formed_ms, b.submitted_ms, b.ended_ms, b.provider_id, b.cancel, "
    "b.problem, i.cost_nano, i.counts"
)
_WAKE = msgspec.json.Decoder(Wake)
#: The calls of the batches that are shown alone are counted: an organisation has many more.
_COUNTED = (
    "CROSS JOIN LATERAL (SELECT coalesce(sum(cost_nano), 0)::bigint AS cost_nano, "
    "coalesce(jsonb_object_agg(state, calls), '{}') AS counts FROM (SELECT state, count(*) AS calls, "
    "sum(cost_nano) AS cost_nano FROM batch_item WHERE batch_id = b.id AND batch_id <> '' GROUP BY 1) s) i"
)


@dataclass(frozen=True, slots=True)
class ShownBatch:
    """A batch with its calls by state, and what they cost until now in nano-dollars. A time of 0 is none."""

    id: str
    provider: str
    model: str
    state: BatchState
    requests: int
    formed_ms: int
    submitted_ms: int
    ended_ms: int
    provider_id: str
    cancel: bool
    problem: str
    cost_nano: int
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class ShownCall:
    """A call of a batch, and whose it is: ``wake`` names the step."""

    call_id: str
    wake: Wake
    state: ItemState
    cost_nano: int
    done_ms: int


class BatchReader:
    """The batches of all organisations. All methods raise ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def listed(self, org_id: str, most: int) -> list[ShownBatch]:
        """Return an organisation's batches, newest first."""
        rows = await self._database.fetch(
            "list batches",
            f"SELECT {_SHOWN} FROM (SELECT * FROM provider_batch WHERE org_id = $1 ORDER BY formed_ms DESC, id "
            f"LIMIT $2) b {_COUNTED} ORDER BY b.formed_ms DESC, b.id",
            *(org_id, most),
        )
        return [_batch(row) for row in rows]

    async def get(self, org_id: str, batch: str) -> ShownBatch:
        """Return one batch. Raises ``NotFound``."""
        row = await self._database.fetchrow(
            "read a batch",
            f"SELECT {_SHOWN} FROM provider_batch b {_COUNTED} WHERE b.org_id = $1 AND b.id = $2",
            *(org_id, batch),
        )
        if row is None:
            raise NotFound(f"there is no batch {batch}; see GET /api/v1/batches")
        return _batch(row)

    async def calls(self, org_id: str, batch: str, after: str, most: int) -> list[ShownCall]:
        """Return calls of a batch with ids after one, by id. Raises ``NotFound``."""
        await self.get(org_id, batch)
        rows = await self._database.fetch(
            "list the calls of a batch",
            "SELECT call_id, wake, state, cost_nano, done_ms FROM batch_item WHERE batch_id = $1 AND org_id = $2 "
            "AND call_id > $3 ORDER BY call_id LIMIT $4",
            *(batch, org_id, after, most),
        )
        return [ShownCall(**dict(row) | {"wake": _WAKE.decode(row["wake"])}) for row in rows]

    async def cancel(self, org_id: str, batch: str) -> ShownBatch:
        """Ask that a batch is canceled; one that has ended stays as it is. Raises ``NotFound``."""
        await self._database.fetch(
            "cancel a batch",
            "UPDATE provider_batch SET cancel = true, due_ms = 0 WHERE org_id = $1 AND id = $2 AND state <> 'ended'",
            *(org_id, batch),
        )
        return await self.get(org_id, batch)


def _batch(row: asyncpg.Record) -> ShownBatch:
    return ShownBatch(**dict(row))
