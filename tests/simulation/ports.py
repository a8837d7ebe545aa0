"""The ports as a process sees them: each call is two turns, and what lies between is where things go wrong."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from connectors.memory.checkpoints import MemoryCheckpoints, MemoryWriter
from connectors.memory.engine import ManualClock, MemoryLog, MemoryTable
from connectors.ports.engine import (
    Answer,
    Bounds,
    CheckpointWriter,
    Commit,
    Due,
    HoldEntry,
    InRecord,
    Kept,
    OutRecord,
    Position,
    Stored,
    Taken,
    hold_timer,
    split_member,
)
from schemas.errors import Unavailable
from schemas.tables.budgets import settled_entity
from tests.simulation.scheduler import Process, Scheduler
from topics.catalogue import COST_EVENTS
from topics.partitioner import partition_for

T = TypeVar("T")


@dataclass
class Faults:
    """How often a call fails before it is done, and how often only its reply is lost. Both end with the faults."""

    rng: Random
    down: float
    lost: float
    on: bool = True

    def draw(self) -> str:
        """Return ``down``, ``lost`` or nothing."""
        if not self.on:
            return ""
        at = self.rng.random()
        return "down" if at < self.down else "lost" if at < self.down + self.lost else ""


class StampedLog(MemoryLog):
    """The log itself. ``order`` gives every record its place in the order of all appends."""

    def __init__(self, partitions: int, clock: ManualClock) -> None:
        super().__init__(partitions, clock)
        self.partitions = partitions
        self.order: dict[tuple[str, int, int], int] = {}

    async def append(self, records: Sequence[OutRecord]) -> None:
        """Append all and note when."""
        for record in records:
            partition = partition_for(record.key or b"", self.partitions)
            offset = (await self.bounds(record.topic, partition)).end
            self.order[record.topic, partition, offset] = len(self.order)
            await super().append([record])

    def end(self, topic: str, partition: int) -> int:
        """Return a partition's end."""
        return len(self._records.get((topic, partition), []))

    def first(self, topic: str, partition: int) -> int:
        """Return a partition's first kept offset."""
        return self._first.get((topic, partition), 0)

    def slice(self, topic: str, partition: int, start: int, end: int) -> list[InRecord]:
        """Return some of a partition's records."""
        return self._records.get((topic, partition), [])[start:end]


class FencedTable(MemoryTable):
    """The table itself. ``breaches`` are commits of an owner after a later one had taken the partition.

    ``bug`` plants a fault of the store: ``no_epoch_check``, ``no_fence`` or ``offset_first``.
    """

    def __init__(self, bug: str = "", *, foreign_timers: bool = False) -> None:
        super().__init__(foreign_timers=foreign_timers)
        self.bug = bug
        self.breaches: list[str] = []

    async def commit(self, partition: int, commit: Commit) -> Answer:
        """Commit, by the rules or by the planted fault."""
        at = self._at(partition)
        epoch, expected = commit.epoch, commit.expected
        if self.bug in ("no_epoch_check", "no_fence") and at.position is not None:
            commit.epoch = at.epoch
            if self.bug == "no_fence":
                commit.expected = at.position.offset
        answer = await super().commit(partition, commit)
        commit.epoch, commit.expected = epoch, expected
        if answer is Answer.OK and epoch != at.epoch and self.bug != "no_fence":
            self.breaches.append(f"epoch {epoch} committed to partition {partition} of epoch {at.epoch}")
        return answer

    async def move_offset(self, partition: int, commit: Commit) -> bool:
        """Write the offset alone: the first half of the planted ``offset_first``."""
        at = self._at(partition)
        if at.position is None or at.epoch != commit.epoch or at.position.offset != commit.expected:
            return False
        at.position = Position(commit.offset, commit.clock_ms)
        return True

    async def write_late(self, partition: int, commit: Commit) -> Answer:
        """Write the entries alone: the second half."""
        at = self._at(partition)
        if at.position is None:
            return Answer.LOST
        self._write(at, commit)
        return Answer.OK

    def contents(self, partition: int) -> tuple[dict[str, dict[str, bytes]], dict[str, int], Position | None]:
        """Return all entities with entries, all timers and the position."""
        at = self._at(partition)
        return {e: dict(f) for e, f in at.entities.items() if f}, dict(at.timers), at.position

    def ended(self, partition: int) -> dict[str, int]:
        """Return when each entity that ended leaves."""
        return dict(self._at(partition).expire)

    def copy(self, partition: int) -> object:
        """Return a dump of a partition."""
        return deepcopy(self._at(partition))

    def put_back(self, partition: int, copy: object) -> None:
        """Let a partition be as an older dump has it. Epochs still never come twice."""
        at = deepcopy(copy)
        at.epoch = self._at(partition).epoch
        self._partitions[partition] = at

    async def hold(self, partition: int, hold: HoldEntry) -> bool:
        """Hold money, as a worker does; ``False`` while the table may not be trusted."""
        at = self._at(partition)
        if at.position is None or at.restoring:
            return False
        at.timers[hold_timer(hold.call_id)] = at.holds.setdefault(hold.call_id, hold).expires_at_ms
        return True

    async def expired(self, partition: int, members: Sequence[str]) -> list[OutRecord]:
        """Return the presumed settlements of calls under way whose holds end; any other hold only leaves."""
        at, found = self._at(partition), []
        for member in members:
            call = split_member(member)[1]
            hold = at.holds.get(call)
            said = at.entities.get(settled_entity(call), {}).get("settlement", b"")
            if hold is None or not said.startswith(b"{"):
                at.timers.pop(member, None)
                at.holds.pop(call, None)
            else:
                found.append(OutRecord(COST_EVENTS, hold.org_id.encode(), hold.presumed))
        return found

    def holds(self, partition: int) -> list[str]:
        """Return the calls that are held."""
        return list(self._at(partition).holds)

    def timers(self) -> list[int]:
        """Return when each armed timer is due."""
        return [due for at in self._partitions.values() for due in at.timers.values()]


class FencedCheckpoints(MemoryCheckpoints):
    """The checkpoints themselves; ``writing`` are the processes that are in the middle of one.

    ``bug`` plants a fault of theirs: ``marker_first`` or ``zombie_checkpoint``.
    """

    def __init__(self, bug: str = "") -> None:
        super().__init__()
        self.bug = bug
        self.writing: set[Process] = set()

    def open(self, partition: int) -> MemoryWriter:
        """Open the one writer, or one of many."""
        writer = super().open(partition)
        if self.bug == "zombie_checkpoint":
            writer.__class__ = Unfenced
        return writer


class Unfenced(MemoryWriter):
    """Writes, whoever else does."""

    def _check(self) -> None:
        """Find nothing wrong."""


#: How soon a process of the simulation notices an event.
LOOK_MS = 20


class SimClock(ManualClock):
    """The world's time, as one process sees it. Without a process only ``now_ms`` may be asked."""

    def __init__(self, scheduler: Scheduler, process: Process | None = None) -> None:
        super().__init__()
        self._scheduler = scheduler
        self._process = process

    def now_ms(self) -> int:
        """Return the time."""
        return self._scheduler.now_ms

    async def sleep(self, seconds: float) -> None:
        """Wait for the time and for a turn."""
        assert self._process is not None
        await self._scheduler.turn(self._process, "sleep", max(1, int(seconds * 1000)), idle=True)

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        """Look at the event now and then: who sets it is in another turn."""
        left_ms = int(seconds * 1000)
        while not event.is_set() and left_ms > 0:
            await self.sleep(min(left_ms, LOOK_MS) / 1000)
            left_ms -= LOOK_MS


class Calls:
    """Makes the calls of one process: a turn, the fault before, the call, another turn, the fault after."""

    def __init__(self, scheduler: Scheduler, faults: Faults, process: Process) -> None:
        self._scheduler = scheduler
        self._faults = faults
        self.process = process

    async def call(self, what: str, apply: Callable[[], Awaitable[T]]) -> T:
        """Make a call. Raises ``Unavailable`` by the seed's choice."""
        await self.turn(what)
        fault = self._faults.draw()
        if fault == "down":
            raise Unavailable("simulation", f"{what} was not done", 0.1)
        answer = await apply()
        await self.turn(f"{what} done")
        if fault == "lost":
            raise Unavailable("simulation", f"the reply to {what} was lost", 0.1)
        return answer

    async def turn(self, what: str) -> None:
        """Wait for a turn: here the process may die."""
        await self._scheduler.turn(self.process, what)

    def some_of(self, records: Sequence[OutRecord]) -> Sequence[OutRecord]:
        """Return all records or, by the seed's choice, only the first ones."""
        if len(records) < 2 or self._faults.draw() != "lost":
            return records
        return records[: self._faults.rng.randrange(1, len(records))]


class SimLog:
    """A process's ``Log``."""

    def __init__(self, log: StampedLog, calls: Calls) -> None:
        self._log = log
        self._calls = calls

    async def append(self, records: Sequence[OutRecord]) -> None:
        """Append all, or the first ones and fail."""

        async def apply() -> None:
            some = self._calls.some_of(records)
            await self._log.append(some)
            if len(some) < len(records):
                raise Unavailable("simulation", "only some records were appended", 0.1)

        await self._calls.call("append", apply)

    async def bounds(self, topic: str, partition: int) -> Bounds:
        """Return a partition's bounds."""
        return await self._calls.call("bounds", lambda: self._log.bounds(topic, partition))

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[list[InRecord]]:
        """Yield small batches."""
        for at in range(start, end, 8):
            await self._calls.turn("read")
            if at < self._log.first(topic, partition):
                raise Unavailable("simulation", f"{topic}/{partition} has lost offset {at}", 0.1)
            yield self._log.slice(topic, partition, at, min(at + 8, end))

    async def incarnation(self, topic: str) -> str:
        """Return the log's name."""
        return await self._log.incarnation(topic)


class SimTable:
    """A process's ``Table``."""

    def __init__(self, table: FencedTable, calls: Calls) -> None:
        self._table = table
        self._calls = calls

    async def take(self, partition: int, incarnation: str) -> Taken:
        """Raise the epoch."""
        return await self._calls.call("take", lambda: self._table.take(partition, incarnation))

    async def begin(self, partition: int, epoch: int, incarnation: str, position: Position) -> Answer:
        """Begin a restore."""
        return await self._calls.call("begin", lambda: self._table.begin(partition, epoch, incarnation, position))

    async def load(
        self, partition: int, epoch: int, entities: Sequence[str], since: int = 0
    ) -> dict[str, dict[str, bytes]]:
        """Load entities."""
        return await self._calls.call("load", lambda: self._table.load(partition, epoch, entities, since))

    async def dump(self, partition: int, epoch: int, entities: Sequence[str]) -> tuple[int, dict[str, Stored]]:
        """Dump entities."""
        return await self._calls.call("dump", lambda: self._table.dump(partition, epoch, entities))

    async def counted(self, partition: int, epoch: int) -> dict[str, float]:
        """Return the counters."""
        return await self._calls.call("counted", lambda: self._table.counted(partition, epoch))

    async def entities(self, partition: int) -> AsyncIterator[list[str]]:
        """Yield the names of entities."""
        async for names in self._table.entities(partition):
            await self._calls.turn("entities")
            yield names

    async def stands(self, partition: int, epoch: int) -> int:
        """Return the stored offset."""
        return await self._calls.call("stands", lambda: self._table.stands(partition, epoch))

    async def commit(self, partition: int, commit: Commit) -> Answer:
        """Commit."""
        if self._table.bug == "offset_first" and await self._table.move_offset(partition, commit):
            return await self._calls.call("commit late", lambda: self._table.write_late(partition, commit))
        return await self._calls.call("commit", lambda: self._table.commit(partition, commit))

    async def due(self, partition: int, until_ms: int, limit: int) -> list[Due]:
        """Return due timers. No turn where there are none, since idle owners ask all the time."""
        if not await self._table.due(partition, until_ms, 1):
            return []
        return await self._calls.call("due", lambda: self._table.due(partition, until_ms, limit))

    async def open(self, partition: int, epoch: int, open_at_ms: int) -> Answer:
        """End a restore."""
        return await self._calls.call("open", lambda: self._table.open(partition, epoch, open_at_ms))


class SimCheckpoints:
    """A process's ``Checkpoints``."""

    def __init__(self, checkpoints: FencedCheckpoints, calls: Calls) -> None:
        self._checkpoints = checkpoints
        self._calls = calls

    @asynccontextmanager
    async def writer(self, partition: int) -> AsyncIterator[CheckpointWriter]:
        """Open a writer."""

        async def apply() -> MemoryWriter:
            return self._checkpoints.open(partition)

        writer = await self._calls.call("open a checkpoint", apply)
        self._checkpoints.writing.add(self._calls.process)
        try:
            yield SimWriter(writer, self._calls, self._checkpoints.bug)
        finally:
            self._checkpoints.writing.discard(self._calls.process)

    async def last(self, partition: int) -> Kept | None:
        """Return the last record."""
        return await self._calls.call("last", lambda: self._checkpoints.last(partition))

    async def read(self, partition: int) -> AsyncIterator[list[Kept]]:
        """Yield what is there now in small batches."""
        records = self._checkpoints.records(partition)
        for at in range(0, len(records), 8):
            await self._calls.turn("read a checkpoint")
            yield records[at : at + 8]


class SimWriter:
    """A process's ``CheckpointWriter``."""

    def __init__(self, writer: MemoryWriter, calls: Calls, bug: str) -> None:
        self._writer = writer
        self._calls = calls
        self._bug = bug

    async def append(self, records: Sequence[Kept]) -> None:
        """Append records; with the planted fault the marker is there before all else is."""
        if self._bug == "marker_first":
            self._writer._partition.records.append(records[-1])
        await self._calls.call("append to a checkpoint", lambda: self._writer.append(records))

    async def commit(self) -> None:
        """Commit."""
        await self._calls.call("commit a checkpoint", self._writer.commit)
