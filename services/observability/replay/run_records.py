"""The records of one run, read off its partition of ``run-events``, by page.

A run's records lie between those of all other runs of its partition, so a page costs what lies between. It begins where
the log was when the run was submitted, and a run that has ended is read to the place of its last view, which is its
version. Every page is bounded in records, in bytes, and in how much it passes over.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from connectors.ports.engine import Bounds, InRecord
from connectors.postgres.history.run_places import RunPlace, RunPlaces
from schemas.errors import InvalidInput, NotFound, Problem
from schemas.records.run_events import RunSubmitted
from schemas.run_states import TERMINAL_RUN
from topics.catalogue import RUN_EVENTS, declared
from topics.partitioner import run_partition

MAX_RECORDS = 2_000
MAX_BYTES = 4 * 1024 * 1024
#: Records of other runs that a page passes over; the next page continues there.
MAX_PASSED = 200_000
#: The API's clock may be ahead of the broker's by this much, and a run is then found all the same.
CLOCK_SKEW_MS = 60_000
_CURSOR = re.compile(r"(\d{1,18})\.(\d{1,15})\.([01])")
_DAY_MS = 86_400_000
#: The tag is the first field of a record that was written here.
_BEGINNING = f'{{"type":"{RunSubmitted.type}"'


class RecordLog(Protocol):
    """What is needed of the log; ``connectors.kafka.log.KafkaLog`` is one. Every method raises ``Unavailable``."""

    async def bounds(self, topic: str, partition: int) -> Bounds:
        """Return the partition's bounds now."""
        ...

    async def offset_at(self, topic: str, partition: int, at_ms: int) -> int:
        """Return the offset of the first record that was appended at a time or later; the end without one."""
        ...

    def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[list[InRecord]]:
        """Yield the records of [start, end) in batches; offsets may have gaps."""
        ...


class RunRecord(NamedTuple):
    """One record: its offset, the partition's clock at it in milliseconds, and its bytes as text."""

    offset: int
    at_ms: int
    text: str


@dataclass(slots=True)
class RecordPage:
    """Some records in the order of the log. ``next_cursor`` is ``None`` at the end of what there is by now."""

    partition: int
    records: list[RunRecord] = field(default_factory=list)
    next_cursor: str | None = None


class Elsewhere(Protocol):
    """The logs of other sites."""

    async def page(
        self, org_id: str, run_id: str, place: RunPlace, cursor: str | None, limit: int
    ) -> RecordPage | None:
        """Return a page of a run whose records are in another site's log; ``None`` if they are in this one's.

        Raises ``NotFound`` when that site does not give them, ``Unavailable``.
        """
        ...


class RunRecords:
    """Reads records of runs. ``partitions`` is that of ``run-events``; ``elsewhere`` has what came from other sites."""

    def __init__(self, log: RecordLog, places: RunPlaces, partitions: int, elsewhere: Elsewhere | None = None) -> None:
        self._log = log
        self._places = places
        self._partitions = partitions
        self._elsewhere = elsewhere

    async def page(self, org_id: str, run_id: str, cursor: str | None = None, limit: int = MAX_RECORDS) -> RecordPage:
        """Return a page of a run's records.

        Raises ``NotFound`` for a run that the organisation does not have, and for one whose beginning retention has
        removed; ``InvalidInput`` for a cursor that no page gave, ``Unavailable``.
        """
        place = await self._places.find(org_id, run_id)
        if place is None:
            raise NotFound(f"run {run_id} is not in history; see GET /api/v1/workflows/runs")
        return await self.page_at(org_id, run_id, place, cursor, limit)

    async def page_at(
        self, org_id: str, run_id: str, place: RunPlace, cursor: str | None = None, limit: int = MAX_RECORDS
    ) -> RecordPage:
        """Return a page of a run whose place is known, see ``page``. Nobody looks whether the organisation has it."""
        found = None if self._elsewhere is None else await self._elsewhere.page(org_id, run_id, place, cursor, limit)
        return await self._own(run_id, place, cursor, limit) if found is None else found

    async def _own(self, run_id: str, place: RunPlace, cursor: str | None, limit: int) -> RecordPage:
        key = run_id.encode()
        partition = run_partition(key, self._partitions)
        bounds = await self._log.bounds(RUN_EVENTS, partition)
        end = min(bounds.end, place.version + 1) if place.status in TERMINAL_RUN else bounds.end
        page = _Reading(RecordPage(partition), key, min(limit, MAX_RECORDS))
        if cursor is not None:
            start, page.clock_ms, page.begun = _read_cursor(cursor)
            if start < bounds.first:
                raise _gone(run_id)
        else:
            asked_ms = max(0, place.submitted_ms - CLOCK_SKEW_MS)
            start = max(bounds.first, await self._log.offset_at(RUN_EVENTS, partition, asked_ms))
        await self._read(page, partition, start, end)
        if page.lost or (page.ended and not page.begun):
            raise _gone(run_id)
        return page.page

    async def _read(self, page: "_Reading", partition: int, start: int, end: int) -> None:
        batches = self._log.read(RUN_EVENTS, partition, start, end)
        try:
            async for batch in batches:
                if not all(map(page.take, batch)):
                    return
            page.ended = True
        finally:
            # A page that is full leaves the rest unread, and the consumer of the reading must not outlive it.
            if isinstance(batches, AsyncGenerator):
                await batches.aclose()


class _Reading:
    """A page that is being filled. ``lost``: the first of the run's records is not its submission."""

    def __init__(self, page: RecordPage, key: bytes, limit: int) -> None:
        self.page = page
        self.clock_ms = 0
        self.begun = self.ended = self.lost = False
        self._key = key
        self._limit = limit
        self._bytes = self._passed = 0

    def take(self, record: InRecord) -> bool:
        """Take a record if it is the run's; answer whether to continue, else the page has a cursor to that record."""
        mine = record.key == self._key and record.value is not None
        size = len(record.value or b"")
        is_full = mine and (len(self.page.records) >= self._limit or (self._bytes and self._bytes + size > MAX_BYTES))
        if is_full or self._passed >= MAX_PASSED:
            self.page.next_cursor = f"{record.offset}.{self.clock_ms}.{int(self.begun)}"
            return False
        self.clock_ms = max(self.clock_ms, record.timestamp_ms)
        if not mine:
            self._passed += 1
            return True
        text = (record.value or b"").decode()
        if not self.begun:
            self.begun = text.startswith(_BEGINNING)
            self.lost = not self.begun
        self._bytes += size
        self.page.records.append(RunRecord(record.offset, self.clock_ms, text))
        return not self.lost


def _read_cursor(cursor: str) -> tuple[int, int, bool]:
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        raise InvalidInput.of(Problem("query.cursor", "is no cursor", "use next_cursor of the page before"))
    return int(found[1]), int(found[2]), found[3] == "1"


def _gone(run_id: str) -> NotFound:
    days = (declared(RUN_EVENTS).retention_ms or 0) // _DAY_MS
    return NotFound(
        f"the log no longer has the beginning of run {run_id}: {RUN_EVENTS} keeps records for {days} days; "
        "replay a golden file of it (agentctl trace replay --export, while the log has a run)"
    )
