"""Moves to this cell. Each message changes the arrival, its organisation's place, and nothing when it comes late."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from connectors.postgres.database import Connection, Database
from schemas.cells.moves import Arrival, NotAllowed, announced, begun, discarded, opened, takes_part
from schemas.errors import Conflict

Change = Callable[[Arrival | None], Arrival]


class Arrivals:
    """The arrivals of all organisations. Methods raise ``Unavailable``, and ``Conflict`` for what is not allowed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def announce(self, move_id: str, org_id: str, from_cell: str) -> Arrival:
        """Expect an organisation, long before its keys are here. One that is here, or comes from elsewhere, is refused.

        One that left this cell stays *left* until it opens here again: requests are sent to where it is.
        """
        async with self._database.transaction("announce an arrival") as conn:
            await _refuse_other(conn, move_id, org_id, from_cell)
            arrival = await _changed(conn, move_id, org_id, lambda known: announced(known, move_id, from_cell))
            await conn.execute(
                "INSERT INTO organisation_place (org_id, place, cell, url, move_id) "
                "VALUES ($1, 'arriving', $2, '', $3) "
                "ON CONFLICT (org_id) DO UPDATE SET move_id = CASE WHEN organisation_place.place = 'arriving' "
                "THEN excluded.move_id ELSE organisation_place.move_id END",
                *(org_id, from_cell, move_id),
            )
        return arrival

    async def begin(self, move_id: str, org_id: str, attempt: int) -> Arrival:
        """Begin a copy of an organisation that was announced."""
        async with self._database.transaction("begin an arrival") as conn:
            return await _changed(conn, move_id, org_id, lambda known: begun(known, attempt))

    async def expect(self, move_id: str, org_id: str, attempt: int) -> Arrival:
        """Return the arrival that a part belongs to."""
        async with self._database.connection("read an arrival") as conn:
            with _allowed():
                return takes_part(await _known(conn, move_id, org_id), attempt)

    async def state(self, move_id: str, org_id: str) -> Arrival | None:
        """Return an arrival, ``None`` if there is none."""
        async with self._database.connection("read an arrival") as conn:
            return await _known(conn, move_id, org_id)

    @asynccontextmanager
    async def opening(self, move_id: str, org_id: str, attempt: int) -> AsyncIterator[Arrival]:
        """Open: what the caller does in the block is done before the organisation is here."""
        async with self._database.connection("read an arrival") as conn:
            with _allowed():
                found = opened(known := await _known(conn, move_id, org_id), attempt)
        if known is not None and known.state == "open":
            yield known
            return
        yield found
        async with self._database.transaction("open an organisation") as conn:
            await _changed(conn, move_id, org_id, lambda known: opened(known, attempt))
            # The target says the limits to its own table of admissions.
            await conn.execute("UPDATE run_limits SET said_version = 0 WHERE org_id = $1", org_id)
            await conn.execute("DELETE FROM organisation_place WHERE org_id = $1", org_id)

    async def discard(self, move_id: str, org_id: str, from_cell: str) -> Arrival:
        """Call an arrival off: it never opens."""
        async with self._database.transaction("discard an arrival") as conn:
            arrival = await _changed(conn, move_id, org_id, lambda known: discarded(known, move_id, from_cell))
            await conn.execute(
                "DELETE FROM organisation_place WHERE org_id = $1 AND place = 'arriving' AND move_id = $2",
                *(org_id, move_id),
            )
        return arrival


async def _refuse_other(conn: Connection, move_id: str, org_id: str, from_cell: str) -> None:
    place = await conn.fetchrow("SELECT place, cell FROM organisation_place WHERE org_id = $1 FOR UPDATE", org_id)
    there = await conn.fetchval("SELECT EXISTS (SELECT FROM organisation WHERE id = $1)", org_id)
    if place is None and there:
        raise Conflict(f"organisation {org_id} exists in this cell; two that have one id cannot be one")
    if place is None or place["place"] == "left":
        return
    if place["place"] != "arriving" or place["cell"] != from_cell:
        raise Conflict(f"organisation {org_id} is {place['place']} in this cell (cell {place['cell']})")
    # A move that was aborted while this cell did not answer.
    await conn.execute(
        "UPDATE cell_arrival SET state = 'discarded', state_at = now() "
        "WHERE org_id = $1 AND move_id <> $2 AND state = 'arriving'",
        *(org_id, move_id),
    )


async def _known(conn: Connection, move_id: str, org_id: str, lock: str = "") -> Arrival | None:
    row = await conn.fetchrow(
        f"SELECT org_id, move_id, from_cell, attempt, state FROM cell_arrival WHERE move_id = $1 {lock}", move_id
    )
    if row is None:
        return None
    if row["org_id"] != org_id:
        raise Conflict(f"move {move_id} is of another organisation")
    return Arrival(row["move_id"], row["from_cell"], row["attempt"], row["state"])


async def _changed(conn: Connection, move_id: str, org_id: str, change: Change) -> Arrival:
    with _allowed():
        arrival = change(await _known(conn, move_id, org_id, "FOR UPDATE"))
    await conn.execute(
        "INSERT INTO cell_arrival (move_id, org_id, from_cell, attempt, state) VALUES ($1, $2, $3, $4, $5) "
        "ON CONFLICT (move_id) DO UPDATE SET attempt = excluded.attempt, state = excluded.state, state_at = now()",
        *(move_id, org_id, arrival.from_cell, arrival.attempt, arrival.state),
    )
    return arrival


@contextmanager
def _allowed() -> Iterator[None]:
    """Raise ``Conflict`` for what the state does not allow."""
    try:
        yield
    except NotAllowed as exc:
        raise Conflict(f"this cell refuses: {exc}") from exc
