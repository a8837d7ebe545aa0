"""What a process knows of one partition that it owns."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from enum import Enum

from streams.runtime.overlay import Memory
from streams.runtime.quarantine import Quarantine


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
class Owned:
    """One ownership of a partition, from a take to its end. A new take makes a new one.

    ``next_offset`` and ``clock_ms`` run ahead with what was folded; ``committed`` is what the table has.
    ``fired`` holds the timers whose record was appended and not folded yet, ``in_flight`` the entities of each
    chunk that is folded and not committed, ``expiring`` those whose end is committed. ``gap`` is a first offset
    after which records were missing once already. ``distrusted`` says that the ownership before met a table
    that had lost commits, so that others must not trust it before live calls have spoken up again. ``leaving``
    holds, during a restore, when entities are to leave by the partition's clock.
    """

    partition: int
    memory: Memory
    epoch: int = 0
    next_offset: int = 0
    committed: int = 0
    clock_ms: int = 0
    status: Status = Status.TAKING
    why: str = ""
    quarantine: Quarantine = field(default_factory=Quarantine)
    fired: set[str] = field(default_factory=set)
    next_due_ms: int = 0
    in_flight: deque[set[str]] = field(default_factory=deque)
    expiring: set[str] = field(default_factory=set)
    gap: int | None = None
    distrusted: bool = False
    leaving: dict[str, int] = field(default_factory=dict)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def live(self) -> bool:
        """Whether chunks of this ownership may still be emitted and committed."""
        return self.status in (Status.READY, Status.PAUSED)

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
