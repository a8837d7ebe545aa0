"""Bringing a table back that is gone: its checkpoint, then the log from the checkpoint's marker on, silently.

The steps: fence the checkpoint's former writer; find the marker; drop what is stored; commit the checkpoint, page by
page, at the marker's position; fold the log from there to the end offset seen at the start without emitting, committing
as it goes; emit what the states that the log touched say is outstanding. What the checkpoint holds was acknowledged
before it was committed, so nothing of it is outstanding. Until the table is opened, a restore that stops is begun anew.
"""

import asyncio
import logging
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from connectors.ports.engine import Answer, Bounds, Checkpoints, Commit, InRecord, Position
from schemas.errors import Ownership
from schemas.records.control import KeyReleased
from streams.core.commands import Command, Emit
from streams.runtime.checkpoint.codec import Marker, marker_of
from streams.runtime.checkpoint.reader import CheckpointReader
from streams.runtime.table import crash_points, halted
from streams.runtime.table.engine import Engine
from streams.runtime.table.overlay import RecordState
from streams.runtime.table.partition import OwnedPartition, Status
from streams.runtime.table.prepare import Share
from streams.runtime.table.quarantine import ENTITY as QUARANTINE
from streams.runtime.table.quarantine import Quarantine

T = TypeVar("T")

log = logging.getLogger(__name__)

#: Entities whose outstanding commands are emitted in one append.
OUTSTANDING_BATCH = 500
#: Entities that are told in one commit when they leave.
LEAVING_BATCH = 5_000
#: A restore holds a partition's living entities for a moment, so not all partitions of a process do it at once.
AT_ONCE = 2


class Restore:
    """Restores partitions of an engine's table. ``grace_ms`` is how long a restored table stays closed to others."""

    def __init__(self, engine: Engine, checkpoints: Checkpoints, grace_ms: int) -> None:
        self._engine = engine
        self._checkpoints = checkpoints
        self._grace_ms = grace_ms
        self._room = asyncio.Semaphore(AT_ONCE)

    async def run(self, owned: OwnedPartition, bounds: Bounds) -> None:
        """Restore a partition whose epoch is ours, or end it as BROKEN. Raises ``Unavailable`` and ``Ownership``."""
        owned.quarantine = Quarantine()
        owned.restored = True
        async with self._room:
            marker = await self._marker(owned)
            if why := halted.lost_records(marker, owned.incarnation, bounds):
                self._engine.give_up(owned, why)
                return
            await self._restore(owned, bounds, marker)

    async def _marker(self, owned: OwnedPartition) -> Marker | None:
        """Return the newest marker; nobody else writes another one after this."""
        async with self._checkpoints.writer(owned.partition):
            pass
        return marker_of(await self._checkpoints.last(owned.partition))

    async def _restore(self, owned: OwnedPartition, bounds: Bounds, marker: Marker | None) -> None:
        engine, partition, began = self._engine, owned.partition, time.monotonic()
        start = Position(bounds.first, 0) if marker is None else Position(marker.offset, marker.clock_ms)
        expect(await engine.table.begin(partition, owned.epoch, owned.incarnation, start))
        owned.begin(start.offset, start.clock_ms)
        owned.saved.marker, owned.saved.whole = marker, True
        if marker is not None:
            await self._from_checkpoint(owned, start)
        touched = await self._from_log(owned, bounds.end)
        if owned.status is not Status.TAKING:
            return
        await self._emit_outstanding(owned, touched)
        now_ms = engine.clock.now_ms()
        # Also when the log has nothing any more of what the checkpoint stands for: only a new topic has no live calls.
        opens = now_ms + self._grace_ms if bounds.end else now_ms
        expect(await engine.table.open(partition, owned.epoch, opens))
        if owned.restored_records:
            log.warning(
                "%s: restored from %d records, the log from offset %d to %d, in %.1f s",
                self._where(owned), owned.restored_records, start.offset, bounds.end, time.monotonic() - began,
                extra={"action": "restored"},
            )  # fmt: skip
        engine.crash_point(crash_points.RESTORED)

    # The checkpoint

    async def _from_checkpoint(self, owned: OwnedPartition, at: Position) -> None:
        engine = self._engine
        log.warning(
            "%s: restoring the table from its checkpoint as of offset %d", self._where(owned), at.offset,
            extra={"action": "restore"},
        )  # fmt: skip
        behind_ms = max(0, engine.clock.now_ms() - at.clock_ms)
        restored = CheckpointReader(engine.fold, owned.epoch, at.offset, at.clock_ms, behind_ms)
        async for records in self._checkpoints.read(owned.partition):
            await self._commit_all(owned, restored.take(records))
        await self._commit_all(owned, restored.rest())
        owned.counters = restored.counters
        owned.restored_records = restored.records
        loaded = await engine.table.load(owned.partition, owned.epoch, [QUARANTINE])
        owned.quarantine = Quarantine(loaded[QUARANTINE])

    async def _commit_all(self, owned: OwnedPartition, commits: Iterable[Commit]) -> None:
        for commit in commits:
            self._engine.crash_point(crash_points.RESTORING)
            expect(await self._engine.table.commit(owned.partition, commit))

    # The log

    async def _from_log(self, owned: OwnedPartition, end: int) -> list[str]:
        """Fold the log up to ``end``; return what it touched, in the same order every time."""
        engine, start = self._engine, owned.next_offset
        if end > start:
            log.warning(
                "%s: restoring the table from offsets %d to %d of the log", self._where(owned), start, end,
                extra={"action": "restore"},
            )  # fmt: skip
        touched: dict[str, None] = {}
        async for batch in engine.log.read(engine.topic, owned.partition, start, end):
            engine.crash_point(crash_points.RESTORING)
            touched |= dict.fromkeys(sorted(await self._fold_silently(owned, batch)))
            owned.restored_records += len(batch)
            if owned.status is not Status.TAKING:
                break
            await asyncio.sleep(0)
        await self._let_leave(owned)
        return list(touched)

    async def _fold_silently(self, owned: OwnedPartition, batch: list[InRecord]) -> set[str]:
        folding = self._engine.folding
        owned.let_go()
        share = folding.decode(owned, batch)
        if not await folding.load(share):
            return set()
        result = await folding.fold(share, silent=True)
        commit, leave = result.commit, result.commit.expire
        commit.expire = _leave(owned, leave, commit.clock_ms)
        if commit.offset > commit.expected:
            expect(await self._engine.table.commit(owned.partition, commit))
            owned.commit(commit, leave)
        owned.expiring.update(commit.expire)
        if share.pause is not None:
            owned.end(Status.PAUSED, str(share.pause))
        return result.touched | self._spoken_of(share)

    def _spoken_of(self, share: Share) -> set[str]:
        """Return what a share's events touch: one that changes nothing may still have asked for something."""
        events = [item.event for item in share.items]
        released = {event.key for event in events if isinstance(event, KeyReleased)}
        touches = self._engine.fold.touches
        return released.union(*(touches(event) for event in events if not isinstance(event, KeyReleased)))

    async def _let_leave(self, owned: OwnedPartition) -> None:
        """Say when the entities that are still kept will leave: as much later as the log's end is ago."""
        behind_ms = max(0, self._engine.clock.now_ms() - owned.clock_ms)
        leaving = [(entity, at + behind_ms) for entity, at in owned.leaving.items()]
        owned.leaving.clear()
        for some in _batches(leaving, LEAVING_BATCH):
            commit = Commit(owned.epoch, owned.committed, owned.committed, owned.clock_ms, expire=dict(some))
            expect(await self._engine.table.commit(owned.partition, commit))

    # What was outstanding

    async def _emit_outstanding(self, owned: OwnedPartition, entities: list[str]) -> None:
        engine = self._engine
        for some in _batches(entities, OUTSTANDING_BATCH):
            owned.let_go()
            await engine.load_entities(owned, some)
            state = RecordState(owned.memory)
            await engine.load_entities(owned, [b for entity in some for b in engine.fold.beside(state, entity)])
            commands = self._outstanding(owned, some)
            if commands:
                await engine.log.append([engine.out(c.record) for c in commands if isinstance(c, Emit)])

    def _outstanding(self, owned: OwnedPartition, entities: list[str]) -> list[Command]:
        state = RecordState(owned.memory)
        now_ms = owned.clock_ms
        return [c for entity in entities for c in self._engine.fold.outstanding(state, entity, now_ms)]

    def _where(self, owned: OwnedPartition) -> str:
        return f"{self._engine.topic}/{owned.partition}"


def expect(answer: Answer) -> None:
    """Raise ``Ownership`` for any answer but that it is done."""
    if answer not in (Answer.OK, Answer.ALREADY):
        raise Ownership(f"the table answered {answer.value} during a take")


def _batches(items: list[T], size: int) -> Iterator[list[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _leave(owned: OwnedPartition, expire: dict[str, int], clock_ms: int) -> dict[str, int]:
    """Return the entities that leave now by the partition's clock, and keep the others in mind.

    The store expires by wall time, in which all of an old log is long ago; an entity that left at once would not be
    there for a repeat in a later batch, and a finished run would run again.
    """
    owned.leaving |= expire
    gone = {entity: at for entity, at in owned.leaving.items() if at <= clock_ms}
    for entity in gone:
        del owned.leaving[entity]
    return gone
