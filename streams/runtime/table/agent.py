"""Drives an engine under a consumer: takes assigned partitions, pipelines polls, fires timers.

A poll is folded while the one before is emitted and committed (one in flight). Partitions are taken in tasks of
their own, so a long restore never holds up a rebalance or the partitions beside it.
"""

import asyncio
import logging
from typing import Any

from streams.runtime.checkpoint.writer import Checkpointer
from streams.runtime.consumer.batch_delay import BatchDelay
from streams.runtime.consumer.poll import Control, Partition, Poll
from streams.runtime.table.engine import Engine, Prepared
from streams.runtime.table.partition import OwnedPartition, Status
from streams.runtime.table.spec import Hooks, Ports, TableSpec, Tuning
from streams.runtime.table.takeover import Takeover
from streams.runtime.table.timers import Timers

log = logging.getLogger(__name__)

#: How long the timers are not looked at when none is due and none was armed; an idle role wakes up no more often.
TIMER_TICK_S = 0.5
#: Under load a batch delay follows each poll, so that chunks are few and large (docs/explanation/performance.md).
GATHER_MOST_MS = 20.0
GATHER_MS_PER_RECORD = 1.5
GATHER_ENOUGH = 500
#: How long a loss of the table may go unnoticed by an owner that has nothing to do, and a topic that was made anew.
CHECK_MS = 1_000
CHECKPOINT_TICK_S = 1.0
#: How soon the group is asked again whether a partition that was lost is still ours.
CONFIRM_S = 0.1
#: How long a poll is held back, at most, when all of its records say that more follows: three quick steps take 5 ms.
FOLLOWS_S = 0.01


class TableAgent:
    """The ``PollHandler`` of a fenced table's owner."""

    def __init__(
        self, spec: TableSpec, ports: Ports, *, tuning: Tuning | None = None, hooks: Hooks | None = None
    ) -> None:
        tuning, hooks = tuning or Tuning(), hooks or Hooks()
        self._topic = spec.topic
        self._continues = spec.continues
        self._clock = ports.clock
        self._poll_records = tuning.poll_records
        self._gathering = BatchDelay(
            min_ms=0, max_ms=GATHER_MOST_MS, ms_per_record=GATHER_MS_PER_RECORD, enough=GATHER_ENOUGH
        )
        self._engine = Engine(spec, ports, on_lost=self._on_lost, on_gap=self._on_gap, crash_point=hooks.crash_point)
        self._takeover = Takeover(
            self._engine,
            ports.checkpoints,
            memory_limit=tuning.memory_limit,
            restore_grace_ms=spec.grace_ms,
            confirms=self._confirms,
        )
        self._save_tick_s = min(CHECKPOINT_TICK_S, tuning.checkpoint_ms / 1000)
        self._checkpointer = Checkpointer(
            self._engine, ports.checkpoints, interval_ms=tuning.checkpoint_ms, sweep_ms=tuning.sweep_ms
        )
        self._timers = Timers(table=ports.table, log=ports.log, clock=ports.clock, fire=spec.fire)
        self._owned: dict[int, OwnedPartition] = {}
        self._control: Control | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._finishing: asyncio.Task[None] | None = None
        self._loops: list[asyncio.Task[None]] = []
        self._on_taken = hooks.on_taken
        self._ticks = 0
        self._armed = asyncio.Event()
        self._fault: BaseException | None = None

    # PollHandler

    async def assigned(self, partitions: set[Partition], control: Control) -> None:
        """Start taking what is new."""
        self._control = control
        mine = {partition for topic, partition in partitions if topic == self._topic}
        for partition in set(self._owned) - mine:
            self._owned.pop(partition).end()
        for partition in mine:
            # After a rebalance the position may be another's: a fresh take is cheap and always right.
            self._start_take(partition)
        if not self._loops:
            self._loops = [asyncio.create_task(loop) for loop in (self._tick(), self._watch(), self._save())]
            for task in self._loops:
                task.add_done_callback(self._done)

    async def revoked(self, partitions: set[Partition]) -> None:
        """Let go at once; what is under way for them meets a higher epoch."""
        for _, partition in partitions:
            owned = self._owned.pop(partition, None)
            if owned is not None:
                owned.end()

    def batch_delay_s(self) -> float:
        """Return how long to let records gather."""
        return self._gathering.batch_delay_s(self._clock.now_ms())

    def wanted(self) -> tuple[set[Partition], int]:
        """Return the partitions that are ready."""
        ready = {(self._topic, p) for p, owned in self._owned.items() if owned.status is Status.READY}
        return ready, self._poll_records

    def linger_s(self, poll: Poll) -> float:
        """Return how long to wait for what follows: not at all, if any record of the poll is the last that comes."""
        continues = all(self._continues(record) for records in poll.records.values() for record in records)
        return FOLLOWS_S if continues else 0.0

    async def handle(self, poll: Poll) -> None:
        """Fold a poll while the one before is finished, then hand it on."""
        self._gathering.took(poll.size, self._clock.now_ms())
        polled = [(self._owned[p], records) for (_, p), records in poll.records.items() if p in self._owned]
        prepared = await self._engine.prepare(polled)
        if self._finishing is not None:
            await self._finishing
        self._finishing = asyncio.create_task(self._finish(prepared))

    def commits(self) -> dict[Partition, int]:
        """Return what the table has, for monitoring."""
        return {(self._topic, p): o.committed for p, o in self._owned.items() if o.status is not Status.TAKING}

    def paused(self) -> dict[Partition, str]:
        """Return the partitions that wait for an upgrade of this role, and why."""
        return {(self._topic, p): o.why for p, o in self._owned.items() if o.status is Status.PAUSED}

    async def settle(self, seconds: float) -> None:
        """Finish the chunk that is under way; nothing new is taken."""
        for loop in self._loops:
            loop.cancel()
        if self._finishing is not None:
            await asyncio.wait({self._finishing}, timeout=seconds)
        for owned in self._owned.values():
            owned.end()
        for task in set(self._tasks):
            task.cancel()

    async def drain(self, seconds: float) -> None:
        """Nothing is left: a chunk that was not finished is fenced, and read again by its next owner."""

    # State, for metrics and readiness

    @property
    def topic(self) -> str:
        """The table's input topic."""
        return self._topic

    @property
    def ticks(self) -> int:
        """How often the timers were looked at; it stands still when that does."""
        return self._ticks

    @property
    def fault(self) -> BaseException | None:
        """What ended a task that must not end: a defect, after which only a new process is sure to go on."""
        return self._fault

    def partitions(self) -> dict[int, OwnedPartition]:
        """Return what is owned, by partition."""
        return dict(self._owned)

    def dead_letters(self) -> dict[str, int]:
        """Return how many records were set aside since the start, by reason."""
        return dict(self._engine.dead_letters)

    # Internals

    def _start_take(self, partition: int) -> None:
        before = self._owned.get(partition)
        if before is not None:
            before.end()
        owned = self._owned[partition] = self._takeover.new(partition)
        owned.distrusted = before is not None and before.distrusted
        self._spawn(self._take(owned))

    async def _take(self, owned: OwnedPartition) -> None:
        began_ms = self._clock.now_ms()
        await self._takeover.take(owned)
        if owned.status in (Status.READY, Status.PAUSED) and self._control is not None:
            self._armed.set()
            self._control.seek((self._topic, owned.partition), owned.next_offset)
            log.info(
                "%s/%d taken at offset %d, epoch %d",
                self._topic, owned.partition, owned.next_offset, owned.epoch,
                extra={"action": "taken"},
            )  # fmt: skip
            self._on_taken((self._clock.now_ms() - began_ms) / 1000, owned.restored)

    async def _finish(self, prepared: Prepared) -> None:
        try:
            await self._engine.finish(prepared)
            if any(part.result.armed for part in prepared.parts):
                self._armed.set()
        except Exception:
            # A part that could not be finished is read again from where the table stands.
            log.exception("a chunk of %s could not be finished", self._topic, extra={"action": "chunk_failed"})
            for part in prepared.parts:
                if part.owned.live:
                    part.owned.end()
                    self._on_lost(part.owned)

    def _on_lost(self, owned: OwnedPartition) -> None:
        if self._owned.get(owned.partition) is owned:
            log.warning(
                "%s/%d was lost (%s); taking it again", self._topic, owned.partition, owned.why,
                extra={"action": "lost"},
            )  # fmt: skip
            self._spawn(self._retake(owned))

    async def _confirms(self) -> bool:
        return self._control is None or await self._control.confirms()

    async def _retake(self, owned: OwnedPartition) -> None:
        """Take a partition again once the group says that it is still ours; else it is revoked meanwhile.

        One who was away for long, and whose commit is fenced by its new owner, must not take the partition back from
        it.
        """
        while self._owned.get(owned.partition) is owned and self._control is not None:
            if await self._control.confirms():
                if self._owned.get(owned.partition) is owned:
                    self._start_take(owned.partition)
                return
            await self._clock.sleep(CONFIRM_S)

    def _on_gap(self, owned: OwnedPartition) -> None:
        if self._control is not None:
            self._control.seek((self._topic, owned.partition), owned.next_offset)

    async def _tick(self) -> None:
        checked_ms = self._clock.now_ms()
        while True:
            self._ticks += 1
            if self._clock.now_ms() - checked_ms >= CHECK_MS:
                checked_ms = self._clock.now_ms()
                await asyncio.gather(*(self._engine.check(owned) for owned in self._ready()))
            self._armed.clear()
            wait = await self._timers.tick_all(list(self._owned.values()))
            await self._clock.wait(self._armed, min(wait, TIMER_TICK_S))

    async def _watch(self) -> None:
        """See whether the log is still the same one. Apart from timers, since a broker may be slow to answer."""
        while True:
            await self._engine.check_log(self._ready())
            await self._clock.sleep(CHECK_MS / 1000)

    def _ready(self) -> list[OwnedPartition]:
        return [owned for owned in self._owned.values() if owned.status is Status.READY]

    async def _save(self) -> None:
        """Write checkpoints, one partition after another, so that they never take more than a share of the loop."""
        while True:
            for owned in list(self._owned.values()):
                await self._checkpointer.tick(owned)
            await self._clock.sleep(self._save_tick_s)

    def _spawn(self, coroutine: Any) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._fault = task.exception()
            log.error("a task of %s failed", self._topic, exc_info=self._fault, extra={"action": "task_failed"})
