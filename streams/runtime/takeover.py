"""Taking a partition: raise the epoch, then go on after the stored position, or restore from the log.

A restore drops what is stored, folds the log from its start to the end offset seen at the beginning without emitting,
commits as it goes, and then emits what the states say is outstanding. It counts again what the lost table had
counted, since counts are part of the table. Checkpoints will shorten the way; ``_restore_from`` is their seam.
"""

import asyncio
import logging

from connectors.ports import Answer, Bounds, Commit, InRecord, Position, Taken
from schemas.errors import BadRecord, NewerMajor, Ownership
from streams.core.commands import Command, Emit
from streams.runtime import crash
from streams.runtime.chunk import Decoded
from streams.runtime.engine import Engine
from streams.runtime.overlay import Memory, RecordState
from streams.runtime.owned import Owned, Status
from streams.runtime.quarantine import ENTITY as QUARANTINE
from streams.runtime.quarantine import Quarantine

log = logging.getLogger(__name__)

#: Entities whose outstanding commands are emitted in one append after a restore.
OUTSTANDING_BATCH = 500


class Takeover:
    """Takes partitions for an engine. ``restore_grace_ms`` is how long a restored table stays closed to others."""

    def __init__(self, engine: Engine, *, memory_limit: int, restore_grace_ms: int) -> None:
        self._engine = engine
        self._memory_limit = memory_limit
        self._grace_ms = restore_grace_ms

    def new(self, partition: int) -> Owned:
        """Return a fresh ownership, not yet taken."""
        return Owned(partition, Memory(self._engine.fold, self._memory_limit))

    async def take(self, owned: Owned) -> None:
        """Bring an ownership to READY, or to BROKEN with the reason. Waits as long as dependencies are down."""
        while owned.status is Status.TAKING:
            try:
                if await self._engine.waiting(owned, lambda: self._take_once(owned)):
                    return
            except Ownership as exc:
                # Somebody took it in between: the group decides whether it is still ours, so try again.
                log.info("%s/%d: %s", self._engine.topic, owned.partition, exc, extra={"action": "retake"})
                await self._engine.clock.sleep(0.1)

    async def _take_once(self, owned: Owned) -> bool:
        engine = self._engine
        incarnation = await engine.log.incarnation(engine.topic)
        taken = await engine.table.take(owned.partition, incarnation)
        engine.crash_point(crash.TAKEN)
        bounds = await engine.log.bounds(engine.topic, owned.partition)
        owned.epoch = taken.epoch
        # A restore that was cut short left what it had folded; meanwhile another owner may have moved the table.
        owned.memory = Memory(engine.fold, self._memory_limit)
        owned.expiring.clear()
        owned.leaving.clear()
        if taken.position is None:
            await self._restore(owned, incarnation, bounds)
        elif not self._inside(owned, taken.position, bounds):
            return True
        else:
            await self._resume(owned, taken)
        owned.next_due_ms = 0
        if owned.status is Status.TAKING:
            owned.status = Status.READY
        return True

    def _inside(self, owned: Owned, position: Position, bounds: Bounds) -> bool:
        if bounds.first <= position.offset <= bounds.end:
            return True
        why = (
            f"the table of {self._engine.topic}/{owned.partition} stands at offset {position.offset}, but the log"
            f" holds {bounds.first} to {bounds.end}; bring the log back, or reset the table to rebuild it"
        )
        log.critical(why, extra={"action": "position_outside_log"})
        owned.end(Status.BROKEN, why)
        return False

    async def _resume(self, owned: Owned, taken: Taken) -> None:
        assert taken.position is not None
        loaded = await self._engine.table.load(owned.partition, owned.epoch, [QUARANTINE])
        owned.quarantine = Quarantine(loaded[QUARANTINE])
        owned.next_offset = owned.committed = taken.position.offset
        owned.clock_ms = taken.position.clock_ms
        if owned.distrusted:
            await self._open_later(owned)

    async def _open_later(self, owned: Owned) -> None:
        opens = self._engine.clock.now_ms() + self._grace_ms
        _expect(await self._engine.table.open(owned.partition, owned.epoch, opens))

    async def _restore(self, owned: Owned, incarnation: str, bounds: Bounds) -> None:
        engine, partition = self._engine, owned.partition
        owned.quarantine = Quarantine()
        start = self._restore_from(bounds)
        if bounds.end > start:
            log.warning(
                "%s/%d: restoring the table from offsets %d to %d of the log",
                engine.topic, partition, start, bounds.end,
                extra={"action": "restore"},
            )  # fmt: skip
        _expect(await engine.table.begin(partition, owned.epoch, incarnation, Position(start, 0)))
        owned.next_offset = owned.committed = start
        owned.clock_ms = 0
        entities: dict[str, None] = {}
        async for batch in engine.log.read(engine.topic, partition, start, bounds.end):
            engine.crash_point(crash.RESTORING)
            # Sorted, so that a restore says the same in the same order every time.
            entities |= dict.fromkeys(sorted(await self._fold_silently(owned, batch)))
            if owned.status is not Status.TAKING:
                return
            await asyncio.sleep(0)
        await self._let_leave(owned)
        await self._emit_outstanding(owned, list(entities))
        if bounds.end > bounds.first:
            await self._open_later(owned)
        else:
            _expect(await engine.table.open(partition, owned.epoch, engine.clock.now_ms()))
        engine.crash_point(crash.RESTORED)

    def _restore_from(self, bounds: Bounds) -> int:
        return bounds.first

    async def _fold_silently(self, owned: Owned, batch: list[InRecord]) -> set[str]:
        engine = self._engine
        owned.let_go()
        items, end = self._opened(batch)
        await engine.load_entities(owned, [e for i in items for e in engine.fold.touches(i.event)])
        state = RecordState(owned.memory)
        await engine.load_entities(owned, [e for i in items for e in engine.fold.follows(state, i.event)])
        folder = engine.folder(owned)
        clock_ms = owned.clock_ms
        for item in items:
            try:
                if engine.inbox.key(item.event) in owned.quarantine:
                    owned.quarantine.add(engine.inbox.key(item.event), item.record.offset)
                else:
                    folder.fold_one(item, clock_ms)
            except NewerMajor as exc:
                end = item.record.offset
                owned.end(Status.PAUSED, str(exc))
                break
            except BadRecord:
                pass
            except Exception as exc:  # noqa: BLE001 - as in the live fold: one key, not the partition
                owned.quarantine.add(engine.inbox.key(item.event), item.record.offset, f"{type(exc).__name__}: {exc}")
            clock_ms = max(clock_ms, item.record.timestamp_ms)
        result = folder.result(owned.epoch, owned.next_offset, end, clock_ms, silent=True)
        if changes := owned.quarantine.take_changes():
            result.commit.puts[QUARANTINE] = changes
        result.commit.expire = _leave(owned, result.commit.expire, clock_ms)
        _expect(await engine.table.commit(owned.partition, result.commit))
        owned.expiring.update(result.commit.expire)
        owned.next_offset = owned.committed = end
        owned.clock_ms = clock_ms
        return result.touched

    async def _let_leave(self, owned: Owned) -> None:
        """Say when the entities that are still kept will leave: as much later as the log's end is ago."""
        behind_ms = max(0, self._engine.clock.now_ms() - owned.clock_ms)
        expire = {entity: at + behind_ms for entity, at in owned.leaving.items()}
        owned.leaving.clear()
        if expire:
            end = owned.committed
            commit = Commit(owned.epoch, end, end, owned.clock_ms, expire=expire)
            _expect(await self._engine.table.commit(owned.partition, commit))

    def _opened(self, batch: list[InRecord]) -> tuple[list[Decoded], int]:
        """Return the records that open and the offset after the batch, or of the first record that is too new."""
        items = []
        for record in batch:
            try:
                items.append(Decoded(record, self._engine.inbox.open(record)))
            except BadRecord:
                continue  # its dead letter was written when it was first read
            except NewerMajor:
                return items, record.offset
        return items, batch[-1].offset + 1

    async def _emit_outstanding(self, owned: Owned, entities: list[str]) -> None:
        engine = self._engine
        for start in range(0, len(entities), OUTSTANDING_BATCH):
            some = entities[start : start + OUTSTANDING_BATCH]
            owned.let_go()
            await engine.load_entities(owned, some)
            state = RecordState(owned.memory)
            await engine.load_entities(owned, [b for entity in some for b in engine.fold.beside(state, entity)])
            commands = self._outstanding(owned, some)
            if commands:
                await engine.log.append([engine.out(c.record) for c in commands if isinstance(c, Emit)])

    def _outstanding(self, owned: Owned, entities: list[str]) -> list[Command]:
        state = RecordState(owned.memory)
        now_ms = owned.clock_ms
        return [c for entity in entities for c in self._engine.fold.outstanding(state, entity, now_ms)]


def _leave(owned: Owned, expire: dict[str, int], clock_ms: int) -> dict[str, int]:
    """Return the entities that leave now by the partition's clock, and keep the others in mind.

    The store expires by wall time, in which all of an old log is long ago; an entity that left at once would not be
    there for a repeat in a later batch, and a finished run would run again.
    """
    owned.leaving |= expire
    gone = {entity: at for entity, at in owned.leaving.items() if at <= clock_ms}
    for entity in gone:
        del owned.leaving[entity]
    return gone


def _expect(answer: Answer) -> None:
    if answer not in (Answer.OK, Answer.ALREADY):
        raise Ownership(f"the table answered {answer.value} during a restore")
