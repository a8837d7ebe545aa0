"""Taking a partition: raise the epoch, then go on after the stored position, or restore the table.

A table that lost commits (an older dump of it came back) is restored as one that is gone: to fold again what was folded
would emit the same requests again, whose claims were lost with the commits, so that calls would be made and paid twice.
What cannot be gone on from without losing something is not guessed at: the partition is BROKEN, and says what to do.
"""

import logging
from collections.abc import Awaitable, Callable

from connectors.ports.engine import Checkpoints, Position
from schemas.errors import Ownership
from streams.runtime.checkpoint.changes import ChangedEntries
from streams.runtime.checkpoint.codec import marker_of
from streams.runtime.table import crash_points, halted
from streams.runtime.table.engine import Engine
from streams.runtime.table.overlay import Memory
from streams.runtime.table.partition import OwnedPartition, Status
from streams.runtime.table.quarantine import ENTITY as QUARANTINE
from streams.runtime.table.quarantine import Quarantine
from streams.runtime.table.restore import Restore, expect

log = logging.getLogger(__name__)

RETAKE_S = 0.1

Confirms = Callable[[], Awaitable[bool]]


class Takeover:
    """Takes partitions for an engine.

    ``restore_grace_ms`` is how long a restored table stays closed to others. ``confirms`` asks the group whether our
    partitions are still ours.
    """

    def __init__(
        self,
        engine: Engine,
        checkpoints: Checkpoints,
        *,
        memory_limit: int,
        restore_grace_ms: int,
        confirms: Confirms | None = None,
    ) -> None:
        self._engine = engine
        self._checkpoints = checkpoints
        self._memory_limit = memory_limit
        self._grace_ms = restore_grace_ms
        self._confirms = confirms
        self._restore = Restore(engine, checkpoints, restore_grace_ms)

    def new(self, partition: int) -> OwnedPartition:
        """Return a fresh ownership, not yet taken."""
        return OwnedPartition(partition, self._memory(), ChangedEntries(self._engine.fold))

    def _memory(self) -> Memory:
        return Memory(self._engine.fold, self._memory_limit)

    async def take(self, owned: OwnedPartition) -> None:
        """Bring an ownership to READY, or to BROKEN with the reason. Waits as long as dependencies are down."""
        while owned.status is Status.TAKING:
            try:
                if await self._engine.waiting(owned, lambda: self._take_once(owned)):
                    return
            except Ownership as exc:
                # Somebody took it in between, and the group decides whose it is: two owners that each take it back
                # would fence each other for ever.
                log.info("%s/%d: %s", self._engine.topic, owned.partition, exc, extra={"action": "retake"})
                await self._until_confirmed(owned)

    async def _until_confirmed(self, owned: OwnedPartition) -> None:
        await self._engine.clock.sleep(RETAKE_S)
        while self._confirms is not None and not await self._confirms():
            if owned.status is not Status.TAKING:
                return
            await self._engine.clock.sleep(RETAKE_S)

    async def _take_once(self, owned: OwnedPartition) -> bool:
        engine = self._engine
        incarnation = await engine.log.incarnation(engine.topic)
        if owned.status is not Status.TAKING:
            return True  # given up while the log was away: to raise the epoch now would fence the new owner
        taken = await engine.table.take(owned.partition, incarnation)
        engine.crash_point(crash_points.TAKEN)
        bounds = await engine.log.bounds(engine.topic, owned.partition)
        owned.epoch, owned.incarnation, owned.end_at_take = taken.epoch, incarnation, bounds.end
        # A restore that was cut short left what it had folded; meanwhile another owner may have moved the table.
        owned.forget(self._memory())
        owned.saved.taken_ms = engine.clock.now_ms()
        if taken.other_log:
            engine.give_up(owned, halted.of_another_log(taken.other_log, incarnation))
        elif taken.position is None:
            await self._restore.run(owned, bounds)
        elif why := halted.outside(taken.position.offset, bounds):
            engine.give_up(owned, why)
        elif await self._went_back(owned, taken.position):
            await self._restore.run(owned, bounds)
        else:
            await self._resume(owned, taken.position)
        owned.next_due_ms = 0
        if owned.status is Status.TAKING:
            owned.status = Status.READY
        return True

    async def _resume(self, owned: OwnedPartition, position: Position) -> None:
        engine = self._engine
        loaded = await engine.table.load(owned.partition, owned.epoch, [QUARANTINE])
        owned.quarantine = Quarantine(loaded[QUARANTINE])
        owned.counters = await engine.table.counted(owned.partition, owned.epoch)
        owned.begin(position.offset, position.clock_ms)
        owned.saved.taken_at = position.offset
        if owned.distrusted:
            expect(await engine.table.open(owned.partition, owned.epoch, engine.clock.now_ms() + self._grace_ms))

    async def _went_back(self, owned: OwnedPartition, position: Position) -> bool:
        """Return whether the table lost commits that its checkpoint, or this process, knows of."""
        marker = marker_of(await self._checkpoints.last(owned.partition))
        if marker is None or marker.incarnation != owned.incarnation:
            return False
        if not owned.distrusted and marker.offset <= position.offset:
            return False
        log.warning(
            "%s/%d: the table went back to offset %d, its checkpoint is of %d", self._engine.topic, owned.partition,
            position.offset, marker.offset, extra={"action": "went_back"},
        )  # fmt: skip
        return True
