"""The worker as the transport sees it: what to fetch, what to do with a poll, what may be committed.

It fetches only what it has room for, so that waiting requests stay in the log and not in memory. Requests of one poll
are worked on at once and finish in any order; a partition's offset follows its lowest unfinished one.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from pydantic import BaseModel

from connectors.ports import Clock, InRecord
from schemas.errors import BadRecord, NewerMajor, StepError, Undecodable
from schemas.records.steps import StepRequest
from streams.runtime.dead_letters import dead_letter
from streams.runtime.polls import Control, Partition, Poll
from streams.runtime.routing import to_out
from streams.worker.attempts import Attempts
from streams.worker.dead_steps import failed_by_dead_letter
from streams.worker.lanes import Lanes
from streams.worker.metrics import WorkerMetrics
from streams.worker.outbox import Outbox
from streams.worker.watermark import Ticket, Watermarks
from topics.codec import decode

log = logging.getLogger(__name__)

#: The guide's ``worker.concurrency``.
CONCURRENCY = 10
#: Requests of one partition that are read again after a crash, at most; most meet a claim that says "published".
MAX_SPAN = 1_000
#: Outcomes that wait for the log's acknowledgement. They hold no slot, but up to some 100 KB each.
MAX_UNPUBLISHED = 256
#: After the drain's time is over: to release claims, which is one round trip.
GIVE_UP_S = 2.0


class Worker:
    """The worker's ``PollHandler``. ``concurrency`` bounds the attempts that are worked on at once."""

    def __init__(
        self,
        *,
        attempts: Attempts,
        outbox: Outbox,
        clock: Clock,
        metrics: WorkerMetrics,
        concurrency: int = CONCURRENCY,
        max_span: int = MAX_SPAN,
    ) -> None:
        self._attempts = attempts
        self._outbox = outbox
        self._clock = clock
        self._metrics = metrics
        self._concurrency = concurrency
        self._slots = asyncio.Semaphore(concurrency)
        self._in_flight = 0
        self._lanes = Lanes()
        self._watermarks = Watermarks(max_span)
        self._paused: dict[Partition, str] = {}
        self._tasks: set[asyncio.Task[bool]] = set()
        self._running: dict[str, asyncio.Task[bool]] = {}
        self._control: Control | None = None
        self._draining = False

    async def assigned(self, partitions: set[Partition], control: Control) -> None:
        """Go on at the group's offsets."""
        self._control = control
        self._watermarks.assign(partitions)

    async def revoked(self, partitions: set[Partition]) -> None:
        """Forget what left. Calls in flight go on and are published; their claims tell the next owner."""
        self._watermarks.revoke(partitions)
        for partition in partitions:
            self._paused.pop(partition, None)

    def wanted(self) -> tuple[set[Partition], int]:
        """Return what to fetch next: nothing while there is no room."""
        free = min(self._concurrency - self._in_flight, self._concurrency + MAX_UNPUBLISHED - len(self._tasks))
        open_ = self._watermarks.open() - self._paused.keys()
        if self._control is None or self._draining or free <= 0 or not open_:
            return set(), 0
        return self._lanes.choose(open_, self._control.behind, free)

    async def handle(self, poll: Poll) -> None:
        """Start work on a poll's records; return when each has a slot."""
        for partition, records in poll.records.items():
            self._lanes.took(partition[0], len(records))
            for record in records:
                if partition in self._paused or self._draining:
                    break
                await self._take(partition, record)

    def commits(self) -> dict[Partition, int]:
        """Return the lowest unfinished offset of each partition."""
        return self._watermarks.commits()

    async def drain(self, seconds: float) -> None:
        """Take no more, let work in flight finish for ``seconds``, then give up what is left and release its claims."""
        self._draining = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        left = set(self._tasks)
        for task in left:
            task.cancel()
        if left:
            log.warning("%d attempts given back unfinished", len(left), extra={"action": "drain_gave_up"})
            await asyncio.wait(left, timeout=GIVE_UP_S)
        await self._outbox.close()

    def paused(self) -> dict[Partition, str]:
        """Return the partitions that wait for an upgrade of this role, and why."""
        return dict(self._paused)

    @property
    def in_flight(self) -> int:
        """How many attempts are worked on now."""
        return self._in_flight

    async def _take(self, partition: Partition, record: InRecord) -> None:
        try:
            request = _decoded(record)
        except NewerMajor as exc:
            self._pause(partition, record, exc)
            return
        except BadRecord as exc:
            if (ticket := self._watermarks.take(partition, record.offset)) is not None:
                failed = failed_by_dead_letter(record, exc, self._clock.now_ms())
                self._start(self._set_aside(record, ticket, exc, *([] if failed is None else [failed])))
            return
        # The slot comes first: while it is waited for, the partition may leave.
        await self._slots.acquire()
        ticket = None if self._draining else self._watermarks.take(partition, record.offset)
        if ticket is None:
            self._slots.release()
            return
        twin = self._running.get(request.request_id)
        if twin is not None:
            self._slots.release()
            self._start(self._join(twin, ticket))
            return
        self._in_flight += 1
        task = self._start(self._work(record, request, ticket))
        self._running[request.request_id] = task
        task.add_done_callback(lambda _: self._running.pop(request.request_id, None))

    async def _work(self, record: InRecord, request: StepRequest, ticket: Ticket) -> bool:
        """Work on a request to its ack. Returns whether its outcome is in the log."""
        try:
            try:
                todo = await self._attempts.work(request)
            finally:
                self._in_flight -= 1
                self._slots.release()
                self._wake()
            await self._attempts.publish(todo)
        except Exception as exc:
            # Not the step's failure but ours: say so everywhere, since the request must not stop the partition.
            log.exception("worker failed on %s", request.request_id, extra={"action": "worker_failed"})
            error = StepError(
                "internal", f"the worker failed: {type(exc).__name__}: {exc}; see its log and dead letters"
            )
            await self._attempts.publish(self._attempts.given_up(request, error))
            return await self._set_aside(record, ticket, Undecodable("worker", f"{type(exc).__name__}: {exc}"))
        self._ack(ticket)
        return True

    async def _join(self, twin: "asyncio.Task[bool]", ticket: Ticket) -> bool:
        """Ack a request that was delivered again while it is worked on, when that work is done."""
        published = await asyncio.shield(twin)
        if published:
            self._ack(ticket)
        return published

    async def _set_aside(self, record: InRecord, ticket: Ticket, exc: BadRecord, *told: BaseModel) -> bool:
        """Put a record aside and ack it; ``told`` goes into the log with it."""
        self._metrics.dead_letter(exc.reason)
        log.error(
            "%s/%d@%d is in the dead-letter topic: %s",
            record.topic, record.partition, record.offset, exc,
            extra={"action": "dead_letter"},
        )  # fmt: skip
        letter = dead_letter(record, exc.reason, str(exc), self._clock.now_ms())
        await self._outbox.send([letter, *map(to_out, told)])
        self._ack(ticket)
        return True

    def _pause(self, partition: Partition, record: InRecord, exc: NewerMajor) -> None:
        self._paused[partition] = str(exc)
        self._metrics.newer_major()
        log.error("worker: %s/%d is paused at offset %d: %s", *partition, record.offset, exc, extra={"action": "pause"})

    def _start(self, work: Coroutine[Any, Any, bool]) -> "asyncio.Task[bool]":
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        self._metrics.watch(self._in_flight, len(self._tasks))
        return task

    def _ended(self, task: "asyncio.Task[bool]") -> None:
        self._tasks.discard(task)
        self._metrics.watch(self._in_flight, len(self._tasks))
        self._wake()
        if not task.cancelled() and (exc := task.exception()) is not None:
            log.error("a request is left unacked and will be read again", exc_info=exc, extra={"action": "unacked"})

    def _ack(self, ticket: Ticket) -> None:
        self._watermarks.ack(ticket)

    def _wake(self) -> None:
        if self._control is not None:
            self._control.wake()


def _decoded(record: InRecord) -> StepRequest:
    """Return the request in a record. Raises ``BadRecord`` or ``NewerMajor``."""
    request = decode(record.topic, record.value)
    assert isinstance(request, StepRequest)
    expected = f"{request.run_id}:{request.step_id}".encode()
    if record.key != expected:
        raise Undecodable("key", f"the record's key is {(record.key or b'')[:80]!r}, it must be {expected[:80]!r}")
    return request
