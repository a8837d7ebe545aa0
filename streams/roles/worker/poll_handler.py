"""The worker as the transport sees it: what to fetch, what to do with a poll, what may be committed.

It fetches only what it has room for, so that waiting requests stay in the log and not in memory. Requests of one poll
are worked on at once and finish in any order; a partition's offset follows its lowest unfinished one.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, NamedTuple, Protocol

from connectors.log_context import log_for
from connectors.ports.engine import Clock, InRecord
from schemas.errors import BadRecord, NewerMajor, StepError, Undecodable
from schemas.records.base import Record
from schemas.records.steps import StepRequest
from streams.roles.worker.attempt import Attempts, Delivery, Todo
from streams.roles.worker.lanes import Lanes
from streams.roles.worker.metrics import WorkerMetrics
from streams.roles.worker.producer import Outbox
from streams.roles.worker.request_record import failed_by_dead_letter, read_request
from streams.roles.worker.suspects import Suspects
from streams.roles.worker.watermark import Taken, Ticket, Watermarks
from streams.runtime.consumer.poll import Control, Partition, Poll
from streams.runtime.dead_letters import dead_letter
from streams.runtime.routing import to_out

log = logging.getLogger(__name__)

#: The guide's ``worker.concurrency``.
CONCURRENCY = 10
#: Requests of one partition that are read again after a crash, at most; most meet a claim that says "published".
MAX_SPAN = 1_000
#: Outcomes that wait for the log's acknowledgement. They hold no slot, but up to some 100 KB each.
MAX_UNPUBLISHED = 256
#: A chain is left after this: its request holds back the watermark, and all of it is read again after a crash.
CHAIN_MOST_MS = 10_000
#: After the drain's time is over: to release claims, which is one round trip.
GIVE_UP_S = 2.0


class Calls(Protocol):
    """What the worker's registry says of calls that were given up and did not end."""

    @property
    def abandoned(self) -> int:
        """How many still run."""
        ...

    @property
    def exhausted(self) -> bool:
        """Whether they take what other calls need, so that this process must be replaced."""
        ...


class _Twin(NamedTuple):
    """The task that works on an attempt, and how often that attempt was given back when it was asked for."""

    task: "asyncio.Task[Any]"
    deferral: int


class Worker:
    """The worker's ``PollHandler``. ``concurrency`` bounds the attempts that are worked on at once."""

    def __init__(
        self,
        *,
        attempts: Attempts,
        outbox: Outbox,
        clock: Clock,
        metrics: WorkerMetrics,
        calls: Calls | None = None,
        concurrency: int = CONCURRENCY,
        max_span: int = MAX_SPAN,
    ) -> None:
        self._attempts = attempts
        self._outbox = outbox
        self._clock = clock
        self._metrics = metrics
        self._calls = calls
        self._concurrency = concurrency
        self._slots = asyncio.Semaphore(concurrency)
        self._in_flight = 0
        self._lanes = Lanes()
        self._watermarks = Watermarks(max_span)
        self._suspects = Suspects(max_span)
        self._paused: dict[Partition, str] = {}
        self._tasks: set[asyncio.Task[bool]] = set()
        self._running: dict[str, _Twin] = {}
        self._control: Control | None = None
        self._draining = False
        self._giving_up = False
        self._tenure = 0
        self._quick_in_a_row = 0
        #: Why the role must end: a request that could be neither answered nor dead-lettered.
        self.fault: BaseException | None = None
        metrics.watch(lambda: self._in_flight, lambda: len(self._tasks))
        metrics.watch_calls(lambda: calls.abandoned if calls is not None else 0)
        metrics.watch_unacked(self._oldest_s, self._watermarks.longest_span)

    async def assigned(self, partitions: set[Partition], control: Control) -> None:
        """Go on at the group's offsets."""
        self._control = control
        self._watermarks.assign(partitions)

    async def revoked(self, partitions: set[Partition]) -> None:
        """Forget what left. Calls in flight go on and are published; their claims tell the next owner."""
        self._tenure += 1
        self._watermarks.revoke(partitions)
        self._suspects.revoke(partitions)
        for partition in partitions:
            self._paused.pop(partition, None)

    def batch_delay_s(self) -> float:
        """Return 0: a step that waits to be started gains nothing by company."""
        return 0.0

    def wanted(self) -> tuple[set[Partition], int]:
        """Return what to fetch next: nothing while there is no room."""
        slots = self._concurrency - self._in_flight
        unpublished = self._concurrency + MAX_UNPUBLISHED - len(self._tasks)
        open_ = self._watermarks.open() - self._paused.keys()
        if self._control is None or self._draining or min(slots, unpublished) <= 0 or not open_:
            return set(), 0
        # Nobody knows what is in the log. After a row of quick functions more of them are likely, and need no slots.
        return self._lanes.choose(open_, self._control.behind, min(slots + self._quick_in_a_row, unpublished))

    def linger_s(self, poll: Poll) -> float:
        """Return 0: nothing is known of what follows."""
        return 0.0

    async def handle(self, poll: Poll) -> None:
        """Start work on a poll's records; return when each has a slot, or when its partitions left meanwhile."""
        tenure = self._tenure
        for partition, records in poll.records.items():
            self._lanes.took(partition[0], len(records))
            self._suspects.first(partition, records, self._control)
            for record in records:
                if tenure != self._tenure:
                    return
                if partition in self._paused or self._draining:
                    break
                await self._take(partition, record, tenure)

    def commits(self) -> dict[Partition, int]:
        """Return the lowest unfinished offset of each partition."""
        return self._watermarks.commits()

    def room(self) -> set[Partition]:
        """Return the partitions from which a request would be taken now."""
        full = self._in_flight >= self._concurrency or len(self._tasks) >= self._concurrency + MAX_UNPUBLISHED
        return set() if full or self._draining else self._watermarks.open() - self._paused.keys()

    async def settle(self, seconds: float) -> None:
        """Take no more, and give what is in flight ``seconds`` to end. What lasts longer is read again by others,
        who meet its claim: long calls must not hold up the lanes."""
        self._draining = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)

    async def drain(self, seconds: float) -> None:
        """Take no more, let work in flight finish for ``seconds``, then give up what is left and release its claims."""
        self._draining = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        self._giving_up = True
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

    def spent(self) -> str:
        """Return why this process must be replaced; empty while it need not."""
        if self._calls is None or not self._calls.exhausted:
            return ""
        return f"{self._calls.abandoned} calls that were given up never ended, and their threads cannot be stopped"

    def degraded(self) -> list[str]:
        """Return what costs this process something and stops nothing, in words."""
        count = self._calls.abandoned if self._calls is not None else 0
        return [f"{count} calls that were given up still run; set isolation='process' for them"] if count else []

    def complaints(self, stall_s: float) -> list[str]:
        """Return what is blocked because a request is not acknowledged, in words."""
        found = [why] if (why := self.spent()) else []
        for (topic, number), watermark in self._watermarks.closed().items():
            oldest, still_s = watermark.oldest, self._seconds_since(watermark.oldest)
            if oldest is not None and still_s >= stall_s:
                found.append(
                    f"{topic}/{number} takes nothing more, since {watermark.span} requests wait behind {oldest.what}, "
                    f"which is unacknowledged for {still_s:.0f} s"
                )
        return found

    @property
    def in_flight(self) -> int:
        """How many attempts are worked on now."""
        return self._in_flight

    async def _take(self, partition: Partition, record: InRecord, tenure: int) -> None:
        try:
            request = read_request(record)
        except NewerMajor as exc:
            self._pause(partition, record, exc)
            return
        except BadRecord as exc:
            taken = Taken("a record that cannot be read", self._clock.now_ms())
            if (ticket := self._watermarks.take(partition, record.offset, taken)) is not None:
                failed = failed_by_dead_letter(record, exc, self._clock.now_ms())
                self._start(self._set_aside(record, ticket, exc, *([] if failed is None else [failed])))
            return
        # The slot comes first: while it is waited for, the partition may leave, and even come back. A record of the
        # former tenure would then hide unread ones before it from the watermark.
        await self._enter(request)
        stays = not self._draining and tenure == self._tenure
        ticket = self._watermarks.take(partition, record.offset, self._taken(request)) if stays else None
        if ticket is None:
            self._leave(request)
            return
        twin = self._running.get(request.request_id)
        if twin is not None:
            self._leave(request)
            again = twin.deferral < request.deferral
            self._start(self._work_after(record, request, ticket) if again else self._join(twin.task, ticket))
            return
        task = self._start(self._work(record, request, ticket))
        self._name(request, task)

    async def _enter(self, request: StepRequest) -> None:
        """Wait for a slot, unless the attempt is over as soon as it is begun."""
        if self._attempts.is_quick(request):
            self._quick_in_a_row = min(self._quick_in_a_row + 1, MAX_UNPUBLISHED)
            return
        self._quick_in_a_row = 0
        await self._slots.acquire()
        self._in_flight += 1

    def _leave(self, request: StepRequest) -> None:
        if not self._attempts.is_quick(request):
            self._in_flight -= 1
            self._slots.release()

    async def _work(self, record: InRecord, request: StepRequest, ticket: Ticket) -> bool:
        """Work on a request, and on what it carries, to its ack. Returns whether all outcomes are in the log."""
        log_for(request.org_id, request.run_id)
        until_ms = self._clock.now_ms() + CHAIN_MOST_MS
        delivery = Delivery(
            f"{record.topic}/{record.partition}@{record.offset}",
            self._suspects.has(ticket.partition, record.offset),
            lambda: self._may_go_on(ticket, until_ms),
        )
        claimed: list[StepRequest] = []
        try:
            todo = await self._attempt(request, delivery)
            while todo.next is not None:
                claimed += [todo.claimed] if todo.claimed is not None else []
                request = todo.next
                todo = await self._go_on(request, delivery)
            claimed += [todo.claimed] if todo.claimed is not None else []
            for one in claimed:
                await self._attempts.mark(one)
        except GeneratorExit:
            raise
        except BaseException as exc:
            if self._giving_up:
                raise
            return await self._failed(record, request, ticket, exc)
        if todo.poison is not None:
            return await self._set_aside(record, ticket, Undecodable("poison", str(todo.poison)))
        self._ack(ticket)
        return True

    async def _failed(self, record: InRecord, request: StepRequest, ticket: Ticket, exc: BaseException) -> bool:
        """Say that an attempt ended in a way that it must not. Its request must not stop the partition."""
        if isinstance(exc, asyncio.CancelledError):
            # Nobody here canceled it: the code that it called did.
            _forgive(asyncio.current_task())
            error = StepError("exception", "the call canceled the attempt; raise an error instead", retryable=True)
            log.warning(
                "step %s of run %s canceled its attempt", request.step_id, request.run_id, extra={"action": "canceled"}
            )
            await self._attempts.publish(self._attempts.given_up(request, error))
            self._ack(ticket)
            return True
        # Not the step's failure but ours.
        log.error("worker failed on %s", request.request_id, exc_info=exc, extra={"action": "worker_failed"})
        said = f"{type(exc).__name__}: {exc}"
        error = StepError("internal", f"the worker failed: {said}; see its log and dead letters")
        await self._attempts.publish(self._attempts.given_up(request, error))
        return await self._set_aside(record, ticket, Undecodable("worker", said))

    async def _attempt(self, request: StepRequest, delivery: Delivery) -> Todo:
        """Work on one attempt, whose slot is taken, until its outcome is in the log."""
        try:
            todo = await self._attempts.work(request, delivery)
        finally:
            self._leave(request)
            self._wake()
        await self._attempts.publish(todo)
        return todo

    async def _go_on(self, request: StepRequest, delivery: Delivery) -> Todo:
        """Work on a chained step, in turn with what comes from the log."""
        await self._enter(request)
        self._name(request, asyncio.current_task())
        self._metrics.chained()
        return await self._attempt(request, delivery)

    def _name(self, request: StepRequest, task: "asyncio.Task[Any] | None") -> None:
        """Let a request that is delivered while a task works on it wait for that task."""
        request_id = request.request_id
        if task is not None and request_id not in self._running:
            self._running[request_id] = _Twin(task, request.deferral)
            task.add_done_callback(lambda _: self._running.pop(request_id, None))

    def _may_go_on(self, ticket: Ticket, until_ms: int) -> bool:
        """Return whether the next step of a chain may be begun here: its request is ours and would be read again."""
        return not self._draining and self._watermarks.holds(ticket) and self._clock.now_ms() < until_ms

    async def _work_after(self, record: InRecord, request: StepRequest, ticket: Ticket) -> bool:
        """Work on a request that was asked for because a former one of its attempt was given back.

        A former one that is still worked on here is a repeat, as a restore makes them: what it ends by may be the very
        word that this request came of, so it says nothing of this one.
        """
        while (before := self._running.get(request.request_id)) is not None:
            await asyncio.wait({before.task})
        self._name(request, asyncio.current_task())
        await self._enter(request)
        return await self._work(record, request, ticket)

    async def _join(self, twin: "asyncio.Task[bool]", ticket: Ticket) -> bool:
        """Ack a request that was delivered again while it is worked on, when that work is done."""
        published = await asyncio.shield(twin)
        if published:
            self._ack(ticket)
        return published

    async def _set_aside(self, record: InRecord, ticket: Ticket, exc: BadRecord, *told: Record) -> bool:
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
        return task

    def _ended(self, task: "asyncio.Task[bool]") -> None:
        self._tasks.discard(task)
        self._wake()
        if not task.cancelled() and (exc := task.exception()) is not None and not self._giving_up:
            # Neither its outcome nor its dead letter could be appended. A new process reads it again; this one would
            # leave its partition standing.
            log.error("a request is left unacked and will be read again", exc_info=exc, extra={"action": "unacked"})
            self.fault = self.fault or exc

    def _ack(self, ticket: Ticket) -> None:
        self._watermarks.ack(ticket)

    def _taken(self, request: StepRequest) -> Taken:
        what = f"step {request.step_id} of run {request.run_id} (attempt {request.attempt})"
        return Taken(what, self._clock.now_ms())

    def _seconds_since(self, taken: Taken | None) -> float:
        return 0.0 if taken is None else (self._clock.now_ms() - taken.since_ms) / 1000

    def _oldest_s(self) -> float:
        since_ms = self._watermarks.oldest_ms()
        return 0.0 if since_ms is None else (self._clock.now_ms() - since_ms) / 1000

    def _wake(self) -> None:
        if self._control is not None:
            self._control.wake()


def _forgive(task: "asyncio.Task[Any] | None") -> None:
    while task is not None and task.cancelling():
        task.uncancel()
