"""Events for organisations that are in another cell now: their submissions topics are still here, and still written to.

A producer over Kafka gets no redirect. So what comes after the switch is put aside with the reason ``org_moved``,
which names the other cell, and never waits unseen. What had come before was sent on by the move itself, and is passed.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from connectors.ports.engine import InRecord
from connectors.postgres.cells.places import Away
from schemas.errors import BadRecord
from topics.catalogue import organisation_of

#: The reason of dead letters.
ORG_MOVED = "org_moved"

Left = Callable[[Iterable[str]], Awaitable[Mapping[str, Away]]]


class Late(NamedTuple):
    """An event that came after the switch, and where its organisation is."""

    record: InRecord
    away: Away


class MovedEvents:
    """Parts events. ``left`` returns where organisations are that left this cell, and raises ``Unavailable``."""

    def __init__(self, left: Left) -> None:
        self._left = left

    async def parted(self, records: Sequence[InRecord]) -> tuple[list[InRecord], list[Late]]:
        """Return the events of organisations that are here, and those that are late; those sent on are in neither."""
        left = await self._left({organisation_of(record.topic) for record in records})
        here = [record for record in records if organisation_of(record.topic) not in left]
        gone = [Late(one, left[organisation_of(one.topic)]) for one in records if organisation_of(one.topic) in left]
        return here, [one for one in gone if not _sent_on(one)]


def moved(away: Away) -> BadRecord:
    """Return why an event is put aside."""
    return BadRecord(
        ORG_MOVED,
        f"organisation {away.org_id} is in the cell {away.cell} now ({away.url}); produce its events to that cell's "
        "brokers: one with the same source and id is the same run or signal there",
    )


def _sent_on(late: Late) -> bool:
    return late.record.offset < late.away.forwarded.get(str(late.record.partition), 0)
