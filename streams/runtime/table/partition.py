"""What a process knows of one partition that it owns."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from enum import Enum

from connectors.ports.engine import Commit
from streams.runtime.checkpoint.changes import ChangedEntries
from streams.runtime.checkpoint.codec import Marker
from streams.runtime.table.overlay import Memory
from streams.runtime.table.quarantine import Quarantine


class Status(Enum):
    """Where an owned partition stands."""

    TAKING = "taking"
    READY = "ready"
    PAUSED = "paused"
    """A record of a newer major version is next: nothing is folded until this role is upgraded."""
    BROKEN = "broken"
    """The position is outside the log, or the log is gone: an operator must look."""
    GONE = "gone"
    """Revoked, fenced or lost: whatever is still under way for it is dropped."""


@dataclass(slots=True)
class Saved:
    """What an ownership knows of its partition's checkpoint.

    ``marker`` is the newest that it wrote, read or restored from. ``whole`` says that what came between that and the
    take is among the ``dirty`` things; until it is so, nothing is written. ``taken_at`` is the offset of the take,
    ``taken_ms`` its time. ``pages`` counts the pages that were written, ``bytes`` and ``records`` are of the last
    checkpoint. From ``next_ms`` and ``sweep_ms`` on the next checkpoint and sweep are due.
    """

    marker: Marker | None = None
    whole: bool = False
    taken_at: int = 0
    taken_ms: int = 0
    pages: int = 0
    bytes: int = 0
    records: int = 0
    next_ms: int = 0
    sweep_ms: int = 0


@dataclass(slots=True)
class OwnedPartition:
    """One ownership of a partition, from a take to its end. A new take makes a new one.

    ``next_offset`` and ``clock_ms`` run ahead with what was folded; ``committed`` is what the table has.
    ``fired`` holds the timers whose record was appended and not folded yet, ``in_flight`` the entities of each
    chunk that is folded and not committed, ``expiring`` those whose end is committed. ``gap`` is a first offset
    after which records were missing once already. ``distrusted`` says that the ownership before met a table
    that had lost commits, so that others must not trust it before live calls have spoken up again. ``restored`` says
    that the take folded the log instead of going on from the table. ``leaving`` holds, during a restore, when entities
    are to leave by the partition's clock. ``dirty`` is what the next checkpoint must say, ``counters`` are totals as of
    ``committed``. ``end_at_take`` is the end of the log then: before it is reached, the table may be one that lost
    commits which this owner does not know of. ``sure`` says that the log was seen to be the one of ``incarnation``
    since the take.
    """

    partition: int
    memory: Memory
    dirty: ChangedEntries
    epoch: int = 0
    incarnation: str = ""
    sure: bool = False
    end_at_take: int = 0
    next_offset: int = 0
    committed: int = 0
    clock_ms: int = 0
    committed_clock_ms: int = 0
    status: Status = Status.TAKING
    why: str = ""
    quarantine: Quarantine = field(default_factory=Quarantine)
    fired: set[str] = field(default_factory=set)
    next_due_ms: int = 0
    in_flight: deque[set[str]] = field(default_factory=deque)
    expiring: set[str] = field(default_factory=set)
    gap: int | None = None
    distrusted: bool = False
    restored: bool = False
    leaving: dict[str, int] = field(default_factory=dict)
    counters: dict[str, float] = field(default_factory=dict)
    saved: Saved = field(default_factory=Saved)
    restored_records: int = 0
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def live(self) -> bool:
        """Whether chunks of this ownership may still be emitted and committed."""
        return self.status in (Status.READY, Status.PAUSED)

    @property
    def known_committed(self) -> int | None:
        """The offset up to which all was committed; ``None`` before the owner can know."""
        return self.committed if self.committed >= self.end_at_take else None

    def forget(self, memory: Memory) -> None:
        """Begin a take anew: whatever an earlier try of it knew may be wrong by now."""
        self.memory = memory
        self.dirty = self.dirty.fresh()
        self.saved = Saved()
        self.counters = {}
        self.restored_records = 0
        self.expiring.clear()
        self.leaving.clear()

    def begin(self, offset: int, clock_ms: int) -> None:
        """Start at a position that the table has."""
        self.next_offset = self.committed = offset
        self.clock_ms = self.committed_clock_ms = clock_ms

    def commit(self, commit: Commit, leave: dict[str, int]) -> None:
        """Take in a commit that the table has. ``leave`` says what leaves when, by the partition's clock."""
        self.committed, self.committed_clock_ms = commit.offset, commit.clock_ms
        for name, amount in commit.counters.items():
            self.counters[name] = self.counters.get(name, 0) + amount
        self.dirty.add(commit, leave, self.counters)

    def swap_dirty(self) -> ChangedEntries:
        """Return what is dirty as of ``committed``, and begin anew."""
        dirty, self.dirty = self.dirty, self.dirty.fresh()
        return dirty

    def end(self, status: Status = Status.GONE, why: str = "") -> None:
        """End or halt this ownership."""
        self.status = status
        self.why = why
        self.gone.set()

    def let_go(self) -> None:
        """Forget entities that expired and the least recently used ones. Call only between chunks' folds."""
        busy = set().union(*self.in_flight)
        for entity in self.expiring - busy:
            self.memory.forget(entity)
        self.expiring &= busy
        self.memory.shrink(keep=busy)
