"""What the engine needs of the world: a Log, a Table and a Clock, with the data that passes through them.

``process(chunk)`` knows only these, so the same code runs under Faust on Kafka and Redis, in memory for tests and in
a simulator. The contract suite in ``tests/contract`` runs on every implementation.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple, Protocol

from schemas.tables.budgets import HOLD

Headers = tuple[tuple[str, bytes | None], ...]


class InRecord(NamedTuple):
    """A record as it was read. ``timestamp_ms`` is the broker's append time where the topic says so."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class OutRecord(NamedTuple):
    """A record to append. The key decides the partition by murmur2."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class Bounds(NamedTuple):
    """A partition's first kept offset and the offset that the next record will get."""

    first: int
    end: int


class Log(Protocol):
    """The partitioned log. Every method raises ``Unavailable`` when the broker does not answer."""

    async def append(self, records: Sequence[OutRecord]) -> None:
        """Append all, in order per partition; return when every one is acknowledged by all in-sync replicas."""
        ...

    async def bounds(self, topic: str, partition: int) -> Bounds:
        """Return the partition's bounds now."""
        ...

    def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[list[InRecord]]:
        """Yield the records of [start, end) in batches; offsets may have gaps."""
        ...

    async def incarnation(self, topic: str) -> str:
        """Return what names this very log: cluster id and topic id. A recreated topic has another."""
        ...


class Answer(Enum):
    """What a commit answers; see ``docs/explanation/architecture.md``, the engine."""

    OK = "ok"
    ALREADY = "already"
    FENCED = "fenced"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Position:
    """Where a partition's table stands: the next input offset and the partition clock."""

    offset: int
    clock_ms: int


@dataclass(frozen=True, slots=True)
class Taken:
    """The result of taking a partition. ``position`` is ``None`` when it must be restored.

    ``other_log`` is the incarnation of the log that the stored table was folded from, when it is another one.
    """

    epoch: int
    position: Position | None
    other_log: str = ""


class HoldEntry(NamedTuple):
    """A hold as the table keeps it. ``fields`` are its spend fields, joined by the unit separator."""

    amount_nano: int
    org_id: str
    call_id: str
    expires_at_ms: int
    booked_at_ms: int
    presumed: bytes
    fields: str


@dataclass(slots=True)
class Commit:
    """One fenced write: all of it or nothing.

    It is valid only while ``epoch`` is the partition's and ``expected`` its stored offset. ``holds`` are put where they
    are not there, before the ``releases``. ``exemplars`` are by field of a bucket, see ``schemas.metrics.fields``; no
    checkpoint has them.
    """

    epoch: int
    expected: int
    offset: int
    clock_ms: int
    puts: dict[str, dict[str, bytes]] = field(default_factory=dict)
    drops: dict[str, list[str]] = field(default_factory=dict)
    expire: dict[str, int] = field(default_factory=dict)
    arm: dict[str, int] = field(default_factory=dict)
    disarm: list[str] = field(default_factory=list)
    holds: dict[str, HoldEntry] = field(default_factory=dict)
    releases: list[tuple[str, str]] = field(default_factory=list)
    counters: dict[str, float] = field(default_factory=dict)
    exemplars: dict[str, str] = field(default_factory=dict)


class Due(NamedTuple):
    """A timer that is due: ``member`` as ``timer_member`` made it."""

    member: str
    due_ms: int


class Stored(NamedTuple):
    """A stored entity. ``expire_at_ms`` is when it leaves by the store's clock, ``None`` if it stays."""

    entries: dict[str, bytes]
    expire_at_ms: int | None


class Table(Protocol):
    """One fenced table. Methods raise ``Unavailable`` when the store does not answer."""

    async def take(self, partition: int, incarnation: str) -> Taken:
        """Raise the partition's epoch and return where it stands."""
        ...

    async def begin(self, partition: int, epoch: int, incarnation: str, position: Position) -> Answer:
        """Drop what was folded for the partition and set its position; the first step of a restore.

        Until ``open`` ends the restore, a take finds no position, so a restore that crashed is done again.
        """
        ...

    async def load(
        self, partition: int, epoch: int, entities: Sequence[str], since: int = 0
    ) -> dict[str, dict[str, bytes]]:
        """Return the entries of entities.

        Raises ``Fenced`` or ``PositionLost`` when the table is not ours, and ``PositionLost`` when it stands before
        ``since``, what its owner has committed: an older dump of it would show states that are no more.
        """
        ...

    async def stands(self, partition: int, epoch: int, committed: int | None = None) -> int:
        """Return the stored offset. Raises as ``load`` does; an owner that is idle learns by it of a loss.

        ``committed`` is the offset up to which the caller knows that all was committed; ``None`` if it cannot know. A
        store that fails over to a replica is closed to others until an owner has found it not behind that offset.
        """
        ...

    async def dump(self, partition: int, epoch: int, entities: Sequence[str]) -> tuple[int, dict[str, Stored]]:
        """Return the offset and entities as of it, all at one moment. Raises as ``load`` does."""
        ...

    async def counted(self, partition: int, epoch: int) -> dict[str, float]:
        """Return the partition's counters. Raises as ``load`` does."""
        ...

    def entities(self, partition: int) -> AsyncIterator[list[str]]:
        """Yield the names of all entities that are there throughout, some perhaps twice."""
        ...

    async def commit(self, partition: int, commit: Commit) -> Answer:
        """Validate, then write everything and, last, the offset."""
        ...

    async def due(self, partition: int, until_ms: int, limit: int) -> list[Due]:
        """Return the armed timers due by ``until_ms``, soonest first."""
        ...

    async def open(self, partition: int, epoch: int, open_at_ms: int) -> Answer:
        """End a restore: say from when on others may trust the table (budgets refuse holds until then)."""
        ...


class Kept(NamedTuple):
    """A record of a checkpoint; ``value`` of ``None`` takes back the earlier records of ``key``.

    ``expire_at_ms`` is the partition clock from which what it says may be forgotten.
    """

    key: bytes
    value: bytes | None
    expire_at_ms: int | None = None


class CheckpointWriter(Protocol):
    """Writes one checkpoint: readers see all of it or nothing."""

    async def append(self, records: Sequence[Kept]) -> None:
        """Append. Raises ``Fenced`` when another writer was opened since, ``Unavailable``, and ``TooLarge``."""
        ...

    async def commit(self) -> None:
        """Let readers see it. Raises as ``append`` does; after ``Unavailable`` nobody knows whether they do."""
        ...


class Checkpoints(Protocol):
    """Where a table's owners keep copies of it beside the log: the newest record of each key stays."""

    def writer(self, partition: int) -> AbstractAsyncContextManager[CheckpointWriter]:
        """Open a partition's one writer: entered, whoever wrote before is fenced, and what it had open is void.

        Left without a commit, what was appended is void, too.
        """
        ...

    async def last(self, partition: int) -> Kept | None:
        """Return the last record that readers see. Raises ``Unavailable``."""
        ...

    def read(self, partition: int) -> AsyncIterator[list[Kept]]:
        """Yield all that readers see as of now, oldest first. Raises ``Unavailable``."""
        ...


class Clock(Protocol):
    """Time, as data."""

    def now_ms(self) -> int:
        """Return milliseconds since the Unix epoch."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after a while."""
        ...

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        """Return when the event is set, or after a while."""
        ...


def timer_member(entity: str, timer_id: str) -> str:
    """Return the name of a timer in the table: entity and id."""
    return f"{entity}\x1f{timer_id}"


def split_member(member: str) -> tuple[str, str]:
    """Return entity and timer id of a timer's name."""
    entity, _, timer_id = member.partition("\x1f")
    return entity, timer_id


def hold_timer(call_id: str) -> str:
    """Return the name of the timer that ends a hold."""
    return timer_member(HOLD, call_id)
