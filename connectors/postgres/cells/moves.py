"""Moves away from this cell, each with the place of its organisation. One process works on a move, under a lease."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg

from connectors.postgres.database import Connection, Database, epoch_ms
from schemas.cells.moves import ENDED, MoveState, place_of
from schemas.errors import Conflict, NotFound

_COLUMNS = (
    "id, org_id, to_cell, to_url, state, attempt, abort, problem, report, started_by, "
    f"{epoch_ms('created_at')} AS created_ms, {epoch_ms('state_at')} AS state_ms, {epoch_ms('ended_at')} AS ended_ms, "
    "extract(epoch FROM clock_timestamp() - state_at)::float8 AS in_state_s, "
    "clock_timestamp() > wait_until AS late"
)


@dataclass(frozen=True, slots=True)
class StoredMove:
    """A move. ``report`` is what was found and copied; ``problem`` is why it does not get on, or was aborted.

    By the clock of the database: how long it is in its state, and whether it takes longer than it may.
    """

    id: str
    org_id: str
    to_cell: str
    to_url: str
    state: MoveState
    attempt: int
    abort: bool
    problem: str
    report: dict[str, Any]
    started_by: str
    created_ms: int
    state_ms: int
    ended_ms: int | None
    in_state_s: float
    late: bool


@dataclass(frozen=True, slots=True)
class NewMove:
    """A move as it is planned. It is aborted when it has not come to its copy after ``wait_s``."""

    id: str
    org_id: str
    to_cell: str
    to_url: str
    started_by: str
    wait_s: float


class Moves:
    """The moves of all organisations. All methods raise ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, move: NewMove) -> StoredMove:
        """Store a planned move. Raises ``NotFound``, and ``Conflict`` while the organisation is away or being moved."""
        async with self._database.transaction("plan a move") as conn:
            if not await conn.fetchval("SELECT EXISTS (SELECT FROM organisation WHERE id = $1)", move.org_id):
                raise NotFound(f"there is no organisation {move.org_id}; see GET /api/v1/organisations")
            place = await conn.fetchrow("SELECT place, cell FROM organisation_place WHERE org_id = $1", move.org_id)
            if place is not None:
                raise Conflict(f"organisation {move.org_id} is {place['place']} (cell {place['cell']})")
            try:
                row = await conn.fetchrow(
                    "INSERT INTO cell_move (id, org_id, to_cell, to_url, state, started_by, wait_until) "
                    "VALUES ($1, $2, $3, $4, 'planned', $5, now() + $6 * interval '1 second') "
                    f"RETURNING {_COLUMNS}",
                    *(move.id, move.org_id, move.to_cell, move.to_url, move.started_by, float(move.wait_s)),
                )
            except asyncpg.UniqueViolationError as exc:
                raise Conflict(f"organisation {move.org_id} is being moved already") from exc
        return _move(row)

    async def newest(self, org_id: str) -> StoredMove:
        """Return an organisation's newest move. Raises ``NotFound``."""
        row = await self._database.fetchrow(
            "read a move",
            f"SELECT {_COLUMNS} FROM cell_move WHERE org_id = $1 ORDER BY created_at DESC LIMIT 1",
            org_id,
        )
        if row is None:
            raise NotFound(f"organisation {org_id} was never moved from this cell")
        return _move(row)

    async def request_abort(self, org_id: str) -> StoredMove:
        """Note that a move is to be aborted. Raises ``NotFound``, and ``Conflict`` for one that has ended."""
        row = await self._database.fetchrow(
            "abort a move",
            f"UPDATE cell_move SET abort = true WHERE org_id = $1 AND ended_at IS NULL RETURNING {_COLUMNS}",
            org_id,
        )
        if row is None:
            found = await self.newest(org_id)
            raise Conflict(f"the newest move of organisation {org_id} is {found.state}; there is none to abort")
        return _move(row)

    async def lease(self, holder: str, lease_s: float) -> StoredMove | None:
        """Lease an open move that nobody else works on, or renew one's own."""
        row = await self._database.fetchrow(
            "lease a move",
            "UPDATE cell_move SET lease = $1, leased_until = now() + $2 * interval '1 second' WHERE id = ("
            "SELECT id FROM cell_move WHERE ended_at IS NULL AND (lease = $1 OR leased_until IS NULL "
            f"OR leased_until < now()) ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING {_COLUMNS}",
            *(holder, lease_s),
        )
        return None if row is None else _move(row)

    async def renew(self, move_id: str, holder: str, lease_s: float) -> bool:
        """Renew a lease; return false when another process has it."""
        row = await self._database.fetchrow(
            "renew the lease of a move",
            "UPDATE cell_move SET leased_until = now() + $3 * interval '1 second' "
            "WHERE id = $1 AND lease = $2 RETURNING id",
            *(move_id, holder, lease_s),
        )
        return row is not None

    async def advance(
        self,
        move: StoredMove,
        holder: str,
        to: MoveState,
        *,
        problem: str = "",
        report: Mapping[str, Any] | None = None,
    ) -> StoredMove | None:
        """Change a move's state and its organisation's place in one transaction; ``None`` when it was not as given.

        A copy begins with each change to ``copying``.
        """
        async with self._database.transaction("change a move") as conn:
            row = await conn.fetchrow(
                "UPDATE cell_move SET state = $4, state_at = now(), problem = $5, report = report || $6, "
                "attempt = attempt + CASE WHEN $4 = 'copying' THEN 1 ELSE 0 END, "
                "ended_at = CASE WHEN $7 THEN now() END "
                f"WHERE id = $1 AND lease = $2 AND state = $3 RETURNING {_COLUMNS}",
                *(move.id, holder, move.state, to, problem[:2_000], dict(report or {}), to in ENDED),
            )
            if row is None:
                return None
            changed = _move(row)
            await _place(conn, changed)
        return changed

    async def report(self, move: StoredMove, holder: str, found: Mapping[str, Any]) -> StoredMove | None:
        """Add to a move's report; ``None`` when the move is not as given."""
        row = await self._database.fetchrow(
            "report on a move",
            "UPDATE cell_move SET report = report || $5 WHERE id = $1 AND lease = $2 AND state = $3 AND attempt = $4 "
            f"RETURNING {_COLUMNS}",
            *(move.id, holder, move.state, move.attempt, dict(found)),
        )
        return None if row is None else _move(row)

    async def note(self, move: StoredMove, problem: str) -> None:
        """Note why a move does not get on."""
        await self._database.fetch(
            "note a move's problem", "UPDATE cell_move SET problem = $2 WHERE id = $1", move.id, problem[:2_000]
        )


async def _place(conn: Connection, move: StoredMove) -> None:
    place = place_of(move.state)
    if place == "here":
        await conn.execute("DELETE FROM organisation_place WHERE org_id = $1 AND move_id = $2", move.org_id, move.id)
        return
    await conn.execute(
        "INSERT INTO organisation_place (org_id, place, cell, url, move_id) VALUES ($1, $2, $3, $4, $5) "
        "ON CONFLICT (org_id) DO UPDATE SET place = excluded.place, cell = excluded.cell, url = excluded.url, "
        "move_id = excluded.move_id, since = now()",
        *(move.org_id, place, move.to_cell, move.to_url, move.id),
    )


def _move(row: asyncpg.Record | None) -> StoredMove:
    if row is None:
        raise LookupError("an inserted move was not returned")
    return StoredMove(**row)
