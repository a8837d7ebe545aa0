"""Where organisations are, as every process that takes requests or submissions knows it.

Those that are not simply here are few, so a process has all of them in memory and asks again every second. What it
knows is at most ``STALE_S`` old: then it answers nothing until PostgreSQL does, since it may not know that an
organisation has left.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from connectors.aio.batching import SingleFlight
from connectors.postgres.database import Database
from schemas.cells.moves import Place
from schemas.errors import OrganisationLeft, OrganisationMoving, Unavailable

logger = logging.getLogger(__name__)

#: How old what is known may be before it is read again.
FRESH_S = 1.0
#: How old it may be while PostgreSQL does not answer. A move waits for longer than this after each change.
STALE_S = 5.0
#: A sender may come again soon: a move without open runs takes seconds.
RETRY_AFTER_S = 5.0
_AWAY = """
SELECT p.org_id, p.place, p.cell, p.url, coalesce(m.report->'forwarded', '{}'::jsonb) AS forwarded
FROM organisation_place AS p LEFT JOIN cell_move AS m ON m.id = p.move_id
"""
#: SQL after WHERE, for what roles take up by themselves: an organisation without a row is here.
HERE = "NOT EXISTS (SELECT FROM organisation_place WHERE organisation_place.org_id = {})"
#: The same with organisations that are about to leave, as ``check`` lets them pass.
ANSWERED = HERE.removesuffix(")") + " AND organisation_place.place <> 'leaving')"


@dataclass(frozen=True, slots=True)
class Away:
    """An organisation that is not simply here. ``cell`` and ``url`` are the other cell of its move.

    ``forwarded``: the move sent the events of its submissions topic on to the other cell before these offsets, by
    partition.
    """

    org_id: str
    place: Place
    cell: str
    url: str
    forwarded: Mapping[str, int] = field(default_factory=dict)


class Places:
    """The organisations that are not here. ``monotonic`` is the clock of how old that is."""

    def __init__(self, database: Database, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._monotonic = monotonic
        self._away: Mapping[str, Away] = {}
        self._read_at: float | None = None
        self._reading: SingleFlight[str, None] = SingleFlight()

    async def away(self, org_id: str) -> Away | None:
        """Return where an organisation is that is not here. Raises ``Unavailable`` when nobody can know."""
        await self._current()
        return self._away.get(org_id)

    async def check(self, org_id: str) -> None:
        """Raise ``OrganisationMoving`` or ``OrganisationLeft`` where no request of an organisation is answered.

        One that is about to leave is answered, so that its runs can end. Raises ``Unavailable`` when nobody can know.
        """
        found = await self.away(org_id)
        if found is not None and found.place != "leaving":
            raise refusal(found)

    async def refused(self, org_ids: Iterable[str]) -> dict[str, OrganisationMoving]:
        """Return the errors of those organisations whose submissions are not taken. Raises ``Unavailable``."""
        await self._current()
        return {one: refusal(self._away[one]) for one in set(org_ids) if one in self._away}

    async def left(self, org_ids: Iterable[str]) -> dict[str, Away]:
        """Return where those organisations are that are in another cell.

        Where one seems to be, PostgreSQL is asked again: it may have come back. Raises ``Unavailable``.
        """
        await self._current()
        asked = set(org_ids)
        if not any(self._has_left(one) for one in asked):
            return {}
        await self._read()
        return {one: self._away[one] for one in asked if self._has_left(one)}

    def waits(self, org_id: str) -> bool:
        """Return whether events of an organisation wait where they are, as of the last look; see ``watch``.

        They do until it is known whether it stays or leaves; before the first look all do.
        """
        return self._read_at is None or (org_id in self._away and not self._has_left(org_id))

    def is_away(self, org_id: str) -> bool:
        """Return whether an organisation was away as of the last look."""
        return org_id in self._away

    async def watch(self) -> None:
        """Look every second, until cancelled."""
        while True:
            try:
                await self._current()
            except Unavailable as exc:
                logger.warning("places of organisations are not known: %s", exc, extra={"action": "places_unknown"})
            await asyncio.sleep(FRESH_S)

    def _has_left(self, org_id: str) -> bool:
        found = self._away.get(org_id)
        return found is not None and found.place == "left"

    async def _current(self) -> None:
        age = None if self._read_at is None else self._monotonic() - self._read_at
        if age is not None and age < FRESH_S:
            return
        try:
            await self._reading.do("places", self._read)
        except Unavailable:
            if age is None or self._read_at is None or self._monotonic() - self._read_at > STALE_S:
                raise

    async def _read(self) -> None:
        # As of the beginning: what was read before a change must not be trusted longer than what was read after it.
        at = self._monotonic()
        rows = await self._database.fetch("read the places of organisations", _AWAY)
        self._away = {row["org_id"]: Away(**row) for row in rows}
        self._read_at = at


def refusal(away: Away) -> OrganisationMoving:
    """Return the error of a request for an organisation that is away."""
    if away.place == "left":
        return OrganisationLeft(away.org_id, away.cell, away.url)
    return OrganisationMoving(
        f"organisation {away.org_id} is being moved to another cell; send the request again", RETRY_AFTER_S
    )
