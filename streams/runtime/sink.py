"""Drives a sink: a sink's author writes ``write(batch)`` and nothing else.

At least once: the group's offset moves after ``write`` returned, so a batch may come again and must be idempotent.
``Unavailable`` is waited for with nothing acknowledged. A record that the sink refuses for itself is found by halving
the batch and goes to the dead-letter topic; the rest is written.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from connectors.ports.engine import Clock, InRecord, Log, OutRecord
from schemas.errors import BadRecord, NewerMajor, Unavailable
from streams.runtime.consumer.batch_delay import BatchDelay
from streams.runtime.consumer.poll import Control, Partition, Poll
from streams.runtime.dead_letters import dead_letter
from topics.catalogue import takes_tombstones
from topics.codec import decode

log = logging.getLogger(__name__)

Item = tuple[InRecord, Any]
Write = Callable[[list[Item]], Awaitable[None]]
Open = Callable[[InRecord], Any]

POLL_RECORDS = 2_000
#: A sink rests a millisecond for each record of its last write.
MS_PER_RECORD = 1.0
#: A write of so many records is a backlog's, and the next one starts at once.
BACKLOG_RECORDS = 2_000
RETRY_FIRST_S = 0.1
RETRY_MOST_S = 5.0


def decoded(record: InRecord) -> Any:
    """Return a record's event. Raises ``BadRecord`` or ``NewerMajor``."""
    return decode(record.topic, record.value)


def batch_delay(min_ms: float, max_ms: float) -> BatchDelay:
    """Return how a sink lets records gather: longer after a large write, and not at all in a backlog."""
    return BatchDelay(min_ms=min_ms, max_ms=max_ms, ms_per_record=MS_PER_RECORD, enough=BACKLOG_RECORDS)


def unopened(record: InRecord) -> Any:
    """Return a record as it is: for sinks that look into few of them."""
    return record


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkSpec:
    """What a sink is. ``open_record`` makes an event of a record, ``write`` takes a batch of them.

    ``gathering`` lets records gather between two writes, because a batch costs the store about the same however small
    it is. Records of topics that are ``held`` wait where they are, and others are written meanwhile.
    """

    name: str
    write: Write
    open_record: Open = unopened
    gathering: BatchDelay | None = None
    poll_records: int = POLL_RECORDS
    held: Callable[[str], bool] | None = None


class SinkAgent:
    """The ``PollHandler`` of a sink."""

    def __init__(self, spec: SinkSpec, log_: Log, clock: Clock) -> None:
        self._name = spec.name
        self._open = spec.open_record
        self._write = spec.write
        self._log = log_
        self._clock = clock
        self._gathering = spec.gathering or BatchDelay(min_ms=0, max_ms=0, ms_per_record=0, enough=0)
        self._poll_records = spec.poll_records
        self._held = spec.held or (lambda _: False)
        self._control: Control | None = None
        self._waits_from: dict[Partition, int] = {}
        self._assigned: set[Partition] = set()
        self._paused: dict[Partition, str] = {}
        self._done: dict[Partition, int] = {}
        self._stopping = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._work: asyncio.Future[None] | None = None
        self._dead_letters: Counter[str] = Counter()

    async def assigned(self, partitions: set[Partition], control: Control) -> None:
        """Go on at the group's offsets."""
        self._assigned = set(partitions)
        self._control = control

    async def revoked(self, partitions: set[Partition]) -> None:
        """Forget what left; a write that is under way may be repeated by the next owner."""
        for partition in partitions:
            self._assigned.discard(partition)
            self._paused.pop(partition, None)
            self._done.pop(partition, None)
            self._waits_from.pop(partition, None)

    def batch_delay_s(self) -> float:
        """Return how long to let records gather."""
        return self._gathering.batch_delay_s(self._clock.now_ms())

    def wanted(self) -> tuple[set[Partition], int]:
        """Return every partition that is neither paused nor held."""
        held = {partition for partition in self._assigned if self._held(partition[0])}
        return self._assigned - set(self._paused) - held, self._poll_records

    def linger_s(self, poll: Poll) -> float:
        """Return 0: nothing is known of what follows."""
        return 0.0

    async def handle(self, poll: Poll) -> None:
        """Open, write, move on."""
        # At a stop Faust cancels the handler of a poll, before the consumer stores what is done. A write that is cut
        # there is done again by the next process, so it continues, until `settle` says how long.
        await self._idle.wait()
        self._idle.clear()
        self._work = asyncio.ensure_future(self._handle(poll))
        self._work.add_done_callback(self._ended)
        await asyncio.shield(self._work)

    def _ended(self, work: asyncio.Future[None]) -> None:
        self._idle.set()
        if not work.cancelled():
            work.exception()  # retrieved here, since nobody may wait any more

    async def _handle(self, poll: Poll) -> None:
        records = self._not_held(poll)
        opened = {partition: self._opened(partition, some) for partition, some in records.items()}
        dead = [letter for _, letters, _ in opened.values() for letter in letters]
        done = not dead or await self._until_done(lambda: self._log.append(dead))
        batch = [item for items, _, _ in opened.values() for item in items]
        done = done and (not batch or await self._write_all(batch))
        for partition, (_, _, end) in opened.items():
            if done and partition in self._assigned:
                self._done[partition] = end
        self._gathering.took(poll.size, self._clock.now_ms())

    def _not_held(self, poll: Poll) -> dict[Partition, list[InRecord]]:
        """Return the records of topics that are not held; those of held ones are read again."""
        kept: dict[Partition, list[InRecord]] = {}
        for partition, records in poll.records.items():
            first = self._waits_from.get(partition, records[0].offset)
            # A poll that was fetched before the seek begins after what waits.
            if self._held(partition[0]) or records[0].offset > first:
                self._waits_from[partition] = min(first, records[0].offset)
                if self._control is not None:
                    self._control.seek(partition, self._waits_from[partition])
            else:
                self._waits_from.pop(partition, None)
                kept[partition] = records
        return kept

    def commits(self) -> dict[Partition, int]:
        """Return what was written."""
        return dict(self._done)

    async def settle(self, seconds: float) -> None:
        """Stop waiting for what is down; what is not written is read again. A write that works may end."""
        self._stopping.set()
        await self._clock.wait(self._idle, seconds)
        if self._work is not None and not self._work.done():
            self._work.cancel()

    async def drain(self, seconds: float) -> None:
        """Nothing is left."""

    def paused(self) -> dict[Partition, str]:
        """Return the partitions that wait for an upgrade of this role, and why."""
        return dict(self._paused)

    def dead_letters(self) -> dict[str, int]:
        """Return how many records were set aside since the start, by reason."""
        return dict(self._dead_letters)

    def _opened(self, partition: Partition, records: list[InRecord]) -> tuple[list[Item], list[OutRecord], int]:
        items: list[Item] = []
        dead: list[OutRecord] = []
        for record in records:
            if record.value is None and takes_tombstones(record.topic):
                continue  # its key was taken back: nothing to write
            try:
                items.append((record, self._open(record)))
            except BadRecord as exc:
                log.warning(
                    "%s: %s/%d@%d is in the dead-letter topic: %s",
                    self._name, record.topic, record.partition, record.offset, exc,
                    extra={"action": "dead_letter"},
                )  # fmt: skip
                self._dead_letters[exc.reason] += 1
                dead.append(dead_letter(record, exc.reason, str(exc), self._clock.now_ms()))
            except NewerMajor as exc:
                self._pause(partition, record, exc)
                return items, dead, record.offset
        return items, dead, records[-1].offset + 1

    def _pause(self, partition: Partition, record: InRecord, exc: NewerMajor) -> None:
        self._paused[partition] = str(exc)
        log.error(
            "%s: %s/%d is paused at offset %d: %s",
            self._name, *partition, record.offset, exc,
            extra={"action": "pause"},
        )  # fmt: skip

    async def _write_all(self, batch: list[Item]) -> bool:
        """Return whether all is written; nothing more is tried after a stop."""
        try:
            return await self._until_done(lambda: self._write(batch))
        except Exception as exc:  # noqa: BLE001 - whatever one record does to a sink must not stop the others
            return await self._divide(batch, exc)

    async def _divide(self, batch: list[Item], exc: Exception) -> bool:
        if len(batch) > 1:
            half = len(batch) // 2
            return await self._write_all(batch[:half]) and await self._write_all(batch[half:])
        record = batch[0][0]
        log.error(
            "%s cannot take %s/%d@%d; it is in the dead-letter topic",
            self._name, record.topic, record.partition, record.offset,
            exc_info=exc,
            extra={"action": "dead_letter"},
        )  # fmt: skip
        self._dead_letters["sink"] += 1
        letter = dead_letter(record, "sink", f"{self._name}: {type(exc).__name__}: {exc}", self._clock.now_ms())
        return await self._until_done(lambda: self._log.append([letter]))

    async def _until_done(self, attempt: Callable[[], Awaitable[None]]) -> bool:
        """Return true when it is done, false when a stop came first."""
        wait = RETRY_FIRST_S
        while not self._stopping.is_set():
            try:
                await attempt()
                return True
            except Unavailable as exc:
                log.warning("%s waits: %s", self._name, exc, extra={"action": "wait"})
            await self._clock.wait(self._stopping, wait)
            wait = min(wait * 2, RETRY_MOST_S)
        return False
