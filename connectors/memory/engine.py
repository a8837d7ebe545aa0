"""The ports in memory: for unit tests and the simulator. They pass the same contract suite as the real ones."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from connectors.ports.engine import (
    Answer,
    Bounds,
    Commit,
    Due,
    HoldEntry,
    InRecord,
    OutRecord,
    Position,
    Stored,
    Taken,
    hold_timer,
)
from schemas.errors import Fenced, PositionLost
from topics.catalogue import OF_RUNS
from topics.partitioner import partition_for, run_partition


class ManualClock:
    """Time that a test moves. A sleep only yields to the loop."""

    def __init__(self, now_ms: int = 1_000_000) -> None:
        self.ms = now_ms

    def now_ms(self) -> int:
        """Return the time that was set."""
        return self.ms

    async def sleep(self, seconds: float) -> None:
        """Move time on by ``seconds``."""
        self.ms += int(seconds * 1000)
        await asyncio.sleep(0)

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        """Move time on, unless the event is set."""
        await self.sleep(0 if event.is_set() else seconds)


class MemoryLog:
    """Topics as lists. ``partitions`` of every topic; records are stamped by ``clock``."""

    def __init__(self, partitions: int, clock: ManualClock, name: str = "memory") -> None:
        self._partitions = partitions
        self._clock = clock
        self._name = name
        self._records: dict[tuple[str, int], list[InRecord]] = {}
        self._first: dict[tuple[str, int], int] = {}

    async def append(self, records: Sequence[OutRecord]) -> None:
        """Append all."""
        for topic, key, value, headers in records:
            place = run_partition if topic in OF_RUNS else partition_for
            partition = place(key or b"", self._partitions)
            kept = self._records.setdefault((topic, partition), [])
            now = self._clock.now_ms()
            kept.append(InRecord(topic, partition, len(kept), now, key, value, headers))

    async def bounds(self, topic: str, partition: int) -> Bounds:
        """Return the partition's bounds."""
        return Bounds(self._first.get((topic, partition), 0), len(self._records.get((topic, partition), [])))

    async def offset_at(self, topic: str, partition: int, at_ms: int) -> int:
        """Return the offset of the first record that was appended at a time or later; the end without one."""
        first, end = await self.bounds(topic, partition)
        kept = self._records.get((topic, partition), [])[first:]
        return next((one.offset for one in kept if one.timestamp_ms >= at_ms), end)

    def truncate(self, topic: str, partition: int, first: int) -> None:
        """Let readers see only what is from ``first`` on, as retention does; tests still see everything."""
        self._first[topic, partition] = max(first, self._first.get((topic, partition), 0))

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[list[InRecord]]:
        """Yield [start, end) in batches of up to 100."""
        assert start >= self._first.get((topic, partition), 0), f"{topic}/{partition} has lost offset {start}"
        kept = self._records.get((topic, partition), [])
        for at in range(start, min(end, len(kept)), 100):
            yield kept[at : min(at + 100, end)]

    async def incarnation(self, topic: str) -> str:
        """Return a name that is this log's."""
        return f"{self._name}/{topic}"

    def records(self, topic: str, partition: int) -> list[InRecord]:
        """Return everything in a partition."""
        return list(self._records.get((topic, partition), []))

    def everything(self, topic: str) -> list[InRecord]:
        """Return everything in a topic, partition by partition."""
        return [r for p in range(self._partitions) for r in self.records(topic, p)]


class _Partition:
    def __init__(self) -> None:
        self.epoch = 0
        self.incarnation: str | None = None
        self.position: Position | None = None
        self.open_at: int | None = None
        self.restoring = False
        self.entities: dict[str, dict[str, bytes]] = {}
        self.expire: dict[str, int] = {}
        self.timers: dict[str, int] = {}
        self.counters: dict[str, float] = {}
        self.exemplars: dict[str, str] = {}
        self.holds: dict[str, HoldEntry] = {}
        self.releases: list[tuple[str, str]] = []


class MemoryTable:
    """A fenced table in a dictionary. ``foreign_timers`` as in ``connectors.redis.fenced_table``."""

    def __init__(self, *, foreign_timers: bool = False) -> None:
        self._foreign_timers = foreign_timers
        self._partitions: dict[int, _Partition] = {}

    async def take(self, partition: int, incarnation: str) -> Taken:
        """Raise the epoch and return where the table stands."""
        p = self._at(partition)
        p.epoch += 1
        if p.incarnation not in (None, incarnation):
            p.position = p.open_at = None
            return Taken(p.epoch, None, p.incarnation or "")
        return Taken(p.epoch, None if p.restoring else p.position)

    async def begin(self, partition: int, epoch: int, incarnation: str, position: Position) -> Answer:
        """Drop everything but holds and set the position."""
        p = self._at(partition)
        if p.epoch != epoch:
            return Answer.FENCED if p.epoch else Answer.LOST
        fresh = self._partitions[partition] = _Partition()
        fresh.epoch, fresh.incarnation, fresh.position = epoch, incarnation, position
        fresh.restoring = True
        fresh.holds = p.holds
        if self._foreign_timers:
            fresh.timers = p.timers
        return Answer.OK

    async def load(
        self, partition: int, epoch: int, entities: Sequence[str], since: int = 0
    ) -> dict[str, dict[str, bytes]]:
        """Return entries, if the partition is the caller's."""
        p = self._ours(partition, epoch)
        if await self.stands(partition, epoch) < since:
            raise PositionLost(f"the table went back to before offset {since}")
        return {e: dict(p.entities.get(e, {})) for e in entities}

    async def dump(self, partition: int, epoch: int, entities: Sequence[str]) -> tuple[int, dict[str, Stored]]:
        """Return the offset and whole entities."""
        p = self._ours(partition, epoch)
        found = {e: Stored(dict(p.entities.get(e, {})), p.expire.get(e)) for e in entities}
        return await self.stands(partition, epoch), found

    async def counted(self, partition: int, epoch: int) -> dict[str, float]:
        """Return the counters, if the partition is the caller's."""
        return dict(self._ours(partition, epoch).counters)

    async def entities(self, partition: int) -> AsyncIterator[list[str]]:
        """Yield the names of all entities in batches of up to 100."""
        names = [entity for entity, entries in self._at(partition).entities.items() if entries]
        for at in range(0, len(names), 100):
            yield names[at : at + 100]

    async def stands(self, partition: int, epoch: int, committed: int | None = None) -> int:
        """Return the stored offset, if the partition is the caller's. There is no replica that could take over."""
        return _placed(self._ours(partition, epoch), partition).offset

    def _ours(self, partition: int, epoch: int) -> _Partition:
        p = self._at(partition)
        _placed(p, partition)
        if p.epoch != epoch:
            raise Fenced(f"partition {partition} has another owner")
        return p

    async def commit(self, partition: int, commit: Commit) -> Answer:
        """Validate, then write everything."""
        p = self._at(partition)
        if p.position is None:
            return Answer.LOST
        if p.epoch != commit.epoch:
            return Answer.FENCED
        if p.position.offset == commit.offset != commit.expected:
            return Answer.ALREADY
        if p.position.offset != commit.expected:
            return Answer.LOST
        self._write(p, commit)
        p.position = Position(commit.offset, commit.clock_ms)
        return Answer.OK

    @staticmethod
    def _write(p: _Partition, commit: Commit) -> None:
        for entity, entries in commit.puts.items():
            p.entities.setdefault(entity, {}).update(entries)
        for entity, names in commit.drops.items():
            for name in names:
                p.entities.get(entity, {}).pop(name, None)
        p.expire.update(commit.expire)
        for member in commit.disarm:
            p.timers.pop(member, None)
        p.timers.update(commit.arm)
        for call_id, hold in commit.holds.items():
            if p.holds.setdefault(call_id, hold) is hold:
                p.timers[hold_timer(call_id)] = hold.expires_at_ms
        for _, call_id in commit.releases:
            p.holds.pop(call_id, None)
            p.timers.pop(hold_timer(call_id), None)
        p.releases.extend(commit.releases)
        p.exemplars.update(commit.exemplars)
        for name, amount in commit.counters.items():
            p.counters[name] = p.counters.get(name, 0) + amount

    async def due(self, partition: int, until_ms: int, limit: int) -> list[Due]:
        """Return due timers, soonest first."""
        timers = sorted(self._at(partition).timers.items(), key=lambda item: (item[1], item[0]))
        return [Due(member, ms) for member, ms in timers if ms <= until_ms][:limit]

    async def open(self, partition: int, epoch: int, open_at_ms: int) -> Answer:
        """Say from when on the table may be trusted."""
        p = self._at(partition)
        if p.position is None:
            return Answer.LOST
        if p.epoch != epoch:
            return Answer.FENCED
        p.open_at, p.restoring = open_at_ms, False
        return Answer.OK

    def forget(self, partition: int) -> None:
        """Lose everything of a partition, as a flushed store does. Epochs still never come twice."""
        epoch = self._at(partition).epoch
        self._partitions[partition] = _Partition()
        self._partitions[partition].epoch = epoch

    def counters(self, partition: int) -> dict[str, float]:
        """Return a partition's counters."""
        return dict(self._at(partition).counters)

    def entity(self, partition: int, entity: str) -> dict[str, bytes]:
        """Return an entity's entries."""
        return dict(self._at(partition).entities.get(entity, {}))

    def _at(self, partition: int) -> _Partition:
        return self._partitions.setdefault(partition, _Partition())


def _placed(p: _Partition, partition: int) -> Position:
    if p.position is None:
        raise PositionLost(f"partition {partition} has no position")
    return p.position
