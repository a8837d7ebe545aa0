"""What a fenced table's owner is made of: what the table is, what it runs on, how it is tuned, and who hears of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from connectors.ports.engine import Checkpoints, Clock, InRecord, Log, Table
from streams.core.state import Fold
from streams.runtime.routing import to_out
from streams.runtime.table import crash_points
from streams.runtime.table.chunk import ToOut
from streams.runtime.table.inbox import CatalogueInbox, Inbox
from streams.runtime.table.misplaced import Place
from streams.runtime.table.timers import Fire, fire_nothing

#: Most records of one poll. Larger chunks cost less a record (each waits its turn once), smaller ones wait less.
POLL_RECORDS = 2_000
#: Entities that an owner keeps a partition; a run is one, so this covers the runs in flight many times over.
MEMORY_LIMIT = 1_000
#: Between two checkpoints of a partition: how much of the log a restore folds again, and how much its next owner reads.
CHECKPOINT_MS = 30_000
#: Between two looks for what a partition's checkpoints hold and nobody needs any more.
SWEEP_MS = 3_600_000

OnTaken = Callable[[float, bool], None]
Continues = Callable[[InRecord], bool]


def never_lingers(_record: InRecord) -> bool:
    """Know of nothing that follows a record."""
    return False


def unreported(_seconds: float, _restored: bool) -> None:
    """Report nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSpec:
    """What a table is.

    ``fire`` turns due timers into records. ``grace_ms`` is how long a restored table stays closed to others.
    ``continues`` tells of a record whether another one follows soon. With ``place`` a record that came to another
    partition than its key's is put there.
    """

    topic: str
    fold: Fold[Any]
    inbox: Inbox = field(default_factory=CatalogueInbox)
    fire: Fire = fire_nothing
    grace_ms: int = 0
    out: ToOut = to_out
    continues: Continues = never_lingers
    place: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What a table's owner runs on."""

    table: Table
    log: Log
    checkpoints: Checkpoints
    clock: Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """Sizes and intervals; milliseconds."""

    memory_limit: int = MEMORY_LIMIT
    poll_records: int = POLL_RECORDS
    checkpoint_ms: int = CHECKPOINT_MS
    sweep_ms: int = SWEEP_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """Who hears of an owner's work.

    ``on_taken`` hears of each take: its seconds, and whether the table was restored from the log. ``crash_point`` is
    asked at each step of a commit; only crash tests do something there.
    """

    on_taken: OnTaken = unreported
    crash_point: crash_points.CrashPoint = crash_points.no_crash
