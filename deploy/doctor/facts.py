"""What the checks of a site look at: plain data, so that a check is a pure function. ``None`` is what was not read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PartitionHealth:
    """A partition as its brokers see it: replicas, those in sync, and whether it has a leader."""

    topic: str
    partition: int
    replicas: int
    in_sync: int
    has_leader: bool


@dataclass(frozen=True, slots=True)
class Reader:
    """How far a role is in a partition: ``at`` in the first look, ``later`` in the second; ``end`` of the first."""

    role: str
    topic: str
    partition: int
    at: int
    later: int
    end: int


@dataclass(frozen=True, slots=True)
class TablePlace:
    """A partition of a fenced table: offset in Redis, bounds of its log, and its newest checkpoint.

    ``checkpoint_at_ms`` is when that was written. ``other_log``: it was folded from another topic of the name.
    """

    table: str
    partition: int
    offset: int | None
    first: int
    end: int
    checkpoint_offset: int | None
    checkpoint_at_ms: int | None
    other_log: bool = False


@dataclass(frozen=True, slots=True)
class RedisHealth:
    """A server of Redis: bytes used and allowed (0: no limit), and whether its last save was written."""

    where: str
    used: int
    allowed: int
    saved: bool


@dataclass(frozen=True, slots=True)
class LostWorker:
    """A worker without a heartbeat: the attempts that it had then, whose leases must end before others make them."""

    name: str
    in_flight: int
    silent_s: float


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk: bytes in all and free."""

    what: str
    size: int
    free: int


@dataclass(frozen=True, slots=True)
class Facts:
    """A site at a time. ``away`` says of each engine that could not be read why; ``now_ms`` is this machine's clock.

    ``clocks_ms`` is by how much each engine's clock is ahead of this machine's; ``certificates`` when each file's first
    certificate ends, in seconds since 1970; ``schema`` what each store lacks.
    """

    now_ms: int
    away: Mapping[str, str] = field(default_factory=dict)
    differences: Sequence[str] = ()
    partitions: Sequence[PartitionHealth] = ()
    min_isr: Mapping[str, int] = field(default_factory=dict)
    idle_roles: Sequence[str] = ()
    readers: Sequence[Reader] = ()
    tables: Sequence[TablePlace] = ()
    schema: Mapping[str, Sequence[str]] = field(default_factory=dict)
    unsafe: Sequence[tuple[str, str, str]] = ()
    redis: Sequence[RedisHealth] = ()
    workers: Sequence[LostWorker] = ()
    live_workers: int | None = None
    clocks_ms: Mapping[str, float] = field(default_factory=dict)
    certificates: Mapping[str, float] = field(default_factory=dict)
    disks: Sequence[Disk] = ()
    last_backup_ms: int | None = None
    backup_max_age_s: int = 0
    lag_limit: int = 10_000


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem of a site: the name of its check, what is wrong, and what to do about it."""

    check: str
    problem: str
    fix: str
