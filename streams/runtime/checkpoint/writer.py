"""Writing checkpoints: every so often, what an owner's commits changed, then a marker, in one transaction.

The order, which is what makes a checkpoint the table exactly as of its marker:

1. open the writer, which fences whoever wrote before, and only then ask whether the table is still ours: one who took
   it since opens a writer after that, before it writes or reads; so no stale owner ever writes over its new owner
2. load from the table what is dirty by name only, and append it; wait until the commits that it shows are acknowledged
3. between two commits, take everything else that is dirty, with position and clock; append it, and the marker
                                                                                    -> ``crash_points.CHECKPOINTING``
4. let readers see it                                                                -> ``crash_points.CHECKPOINTED``

Folding continues meanwhile. Entries whose write fails are put back and become part of the next checkpoint.
"""

import logging
from collections.abc import Iterable

from connectors.ports.engine import Checkpoints, CheckpointWriter, Kept, Stored
from schemas.errors import AgentFlowError, BadRecord, NewerMajor, Ownership, TooLarge, Unavailable
from schemas.records.control import KeyReleased
from streams.runtime.checkpoint.codec import Marker, marker_of, write_apart, write_gone, write_whole
from streams.runtime.checkpoint.compaction import Compaction
from streams.runtime.table import crash_points
from streams.runtime.table.engine import Engine
from streams.runtime.table.partition import OwnedPartition, Status
from streams.runtime.table.quarantine import ENTITY as QUARANTINE
from streams.runtime.table.spec import SWEEP_MS

log = logging.getLogger(__name__)

#: Entities loaded in one call.
LOAD_BATCH = 200
#: Records appended in one call.
APPEND_BATCH = 500
#: Nothing changed, but records were read: the marker follows them in time, before retention overtakes it.
MARKER_MS = 3_600_000
RETRY_MS = 1_000


class Checkpointer:
    """Writes the checkpoints of an engine's partitions, one at a time. ``interval_ms`` lies between two of one."""

    def __init__(self, engine: Engine, checkpoints: Checkpoints, *, interval_ms: int, sweep_ms: int = SWEEP_MS) -> None:
        self._engine = engine
        self._checkpoints = checkpoints
        self._interval_ms = interval_ms
        self._sweep_ms = sweep_ms
        self._sweep = Compaction(checkpoints)

    async def tick(self, owned: OwnedPartition) -> None:
        """Write a partition's checkpoint if it is time. Raises nothing that another time may mend."""
        now_ms, saved = self._engine.clock.now_ms(), owned.saved
        if owned.status is not Status.READY:
            return
        if not saved.next_ms:
            saved.next_ms = now_ms + self._interval_ms
            saved.sweep_ms = now_ms + min(self._sweep_ms, 10 * self._interval_ms)
        if now_ms < saved.next_ms and not owned.dirty.heavy:
            return
        saved.next_ms = now_ms + self._interval_ms
        try:
            await self._write(owned)
        except (Unavailable, TooLarge) as exc:
            self._later(owned, exc)
        except Ownership as exc:
            # Either the table is another's, which the check finds out, or another writer was opened: open one again.
            await self._engine.check(owned)
            self._later(owned, exc)

    def _later(self, owned: OwnedPartition, exc: AgentFlowError) -> None:
        owned.saved.next_ms = self._engine.clock.now_ms() + min(RETRY_MS, self._interval_ms)
        log.warning(
            "%s/%d: no checkpoint was written: %s", self._engine.topic, owned.partition, exc,
            extra={"action": "checkpoint_failed"},
        )  # fmt: skip

    async def _write(self, owned: OwnedPartition) -> None:
        sweeping = self._engine.clock.now_ms() >= owned.saved.sweep_ms
        if not (owned.dirty or sweeping or not owned.saved.whole or self._is_stale(owned)):
            return
        async with self._checkpoints.writer(owned.partition) as writer:
            await self._still_ours(owned)
            if not owned.saved.whole and not await self._made_whole(owned):
                return
            counting = Counting(writer)
            if sweeping:
                left = await self._sweep.take_back(owned, counting)
                owned.saved.sweep_ms = self._engine.clock.now_ms() + (0 if left else self._sweep_ms)
            await self._append(owned, counting)

    async def _still_ours(self, owned: OwnedPartition) -> None:
        """Raise ``Ownership`` when the table is another's, or gone."""
        await self._engine.table.stands(owned.partition, owned.epoch)

    def _is_stale(self, owned: OwnedPartition) -> bool:
        marker = owned.saved.marker
        if marker is None:
            return owned.committed > 0
        return marker.offset != owned.committed and self._engine.clock.now_ms() - marker.at_ms >= MARKER_MS

    # What the owner before left undone

    async def _made_whole(self, owned: OwnedPartition) -> bool:
        """Make all dirty that changed between the newest checkpoint and our take; ``False`` if it is too early.

        The log says what its records touched. Without a checkpoint to build on everything in the table is dirty.
        """
        engine, dirty = self._engine, owned.dirty
        marker = marker_of(await self._checkpoints.last(owned.partition))
        bounds = await engine.log.bounds(engine.topic, owned.partition)
        if marker is None or marker.incarnation != owned.incarnation or marker.offset < bounds.first:
            await self._everything(owned)
        elif marker.offset > owned.committed:
            return False  # the table is older than its checkpoint, and folds the records in between again
        elif not await self._touched(owned, marker.offset):
            await self._everything(owned)
        dirty.names[QUARANTINE] = None
        dirty.count(owned.counters)
        owned.saved.marker, owned.saved.whole = marker, True
        return True

    async def _everything(self, owned: OwnedPartition) -> None:
        async for names in self._engine.table.entities(owned.partition):
            owned.dirty.names |= dict.fromkeys(names)
        owned.dirty.clear = True

    async def _touched(self, owned: OwnedPartition, start: int) -> bool:
        """Make dirty what the log's records from ``start`` up to the take touched; ``False`` if they do not say."""
        engine = self._engine
        async for batch in engine.log.read(engine.topic, owned.partition, start, owned.saved.taken_at):
            for record in batch:
                try:
                    event = engine.inbox.open(record)
                except (BadRecord, NewerMajor):
                    continue
                if isinstance(event, KeyReleased):
                    return False  # it stands for records before it, which touched who knows what
                owned.dirty.names |= dict.fromkeys(engine.fold.touches(event))
            await engine.clock.sleep(0)
        return True

    # The transaction

    async def _append(self, owned: OwnedPartition, writer: "Counting") -> None:
        engine, saved = self._engine, owned.saved
        clear, owned.dirty.clear = owned.dirty.clear, False
        loaded: dict[str, None] = {}
        older = owned.dirty.fresh()
        try:
            if clear:
                await self._sweep.take_back_all(owned.partition, writer)
            await self._append_loaded(owned, writer, loaded)
            older = owned.swap_dirty()
            marker = Marker(
                owned.committed, owned.committed_clock_ms, owned.incarnation, owned.epoch, engine.clock.now_ms()
            )
            first_page, saved.pages = saved.pages, saved.pages + older.pages
            await writer.append_all(older.records(owned.epoch, first_page))
            if writer.records or marker.offset != (saved.marker.offset if saved.marker else -1):
                await writer.append_all([marker.kept()])
                engine.crash_point(crash_points.CHECKPOINTING)
                await writer.commit()
                engine.crash_point(crash_points.CHECKPOINTED)
                saved.marker = marker
        except BaseException:
            older.clear |= clear
            older.names |= loaded
            owned.dirty.put_back(older)
            raise
        saved.records, saved.bytes = writer.records, writer.bytes
        owned.dirty.paging = True

    async def _append_loaded(self, owned: OwnedPartition, writer: "Counting", loaded: dict[str, None]) -> None:
        """Append entities as the table has them, until none is left to load and none is ahead of ``committed``."""
        engine, seen = self._engine, 0
        while owned.dirty.names or owned.committed < seen:
            if owned.status is not Status.READY:
                raise Ownership("the partition was given up during its checkpoint")
            some = list(owned.dirty.names)[:LOAD_BATCH]
            if not some:
                await engine.clock.sleep(0.01)
                continue
            for entity in some:
                del owned.dirty.names[entity]
            loaded |= dict.fromkeys(some)
            offset, found = await engine.table.dump(owned.partition, owned.epoch, some)
            seen = max(seen, offset)
            for entity, stored in found.items():
                await writer.append_all(self._loaded(owned, entity, stored))

    def _loaded(self, owned: OwnedPartition, entity: str, stored: Stored) -> Iterable[Kept]:
        """Return the records of an entity as the table has it."""
        if not stored.entries:
            return [write_gone(entity, owned.committed_clock_ms)]
        lives = entity == QUARANTINE or not self._engine.fold.whole(entity, stored.entries.keys())
        write = write_apart if lives else write_whole
        return write(entity, stored.entries, stored.expire_at_ms)


class Counting:
    """A writer that appends in batches and knows how much."""

    def __init__(self, writer: CheckpointWriter) -> None:
        self._writer = writer
        self._batch: list[Kept] = []
        self.records = 0
        self.bytes = 0

    async def append_all(self, records: Iterable[Kept]) -> None:
        """Append records, some now and some later."""
        for kept in records:
            self._batch.append(kept)
            self.records += 1
            self.bytes += len(kept.key) + len(kept.value or b"")
            if len(self._batch) >= APPEND_BATCH:
                await self._flush()

    async def commit(self) -> None:
        """Append what is left, and let readers see it all."""
        await self._flush()
        await self._writer.commit()

    async def _flush(self) -> None:
        batch, self._batch = self._batch, []
        if batch:
            await self._writer.append(batch)
