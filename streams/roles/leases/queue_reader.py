"""One queue as the transport sees it. It fetches a few requests more than leases are waited for; all others stay in the
log, for other workers of the queue.

A request's offset is acknowledged when its outcome is in the log, so a crash of this process only makes others read the
request again: they meet its claim, and wait for its lease as this process did.
"""

import asyncio
import logging
from collections import deque
from contextlib import suppress
from dataclasses import dataclass

from connectors.aio.cancel import end
from connectors.ports.engine import Clock, InRecord
from connectors.redis.claims.lease_desk import Ask, LeaseDesk
from connectors.redis.claims.lent_attempts import LentAttempts, Standing
from schemas.errors import BadRecord, NewerMajor, Unavailable
from streams.roles.leases.lending import Held, Lending, Lent
from streams.roles.leases.metrics import How, LeaseMetrics
from streams.roles.worker.producer import Outbox
from streams.roles.worker.request_record import failed_by_dead_letter, read_request
from streams.roles.worker.watermark import Taken, Watermarks
from streams.runtime.consumer.poll import Control, Partition, Poll
from streams.runtime.dead_letters import dead_letter
from streams.runtime.routing import to_out

log = logging.getLogger(__name__)

#: So many requests are ready before somebody asks for them.
BUFFER = 2
#: The most that are fetched at once, however many leases are waited for.
MOST = 64
#: As for workers: what is read again after a crash.
MAX_SPAN = 1_000
ASK_WAIT_S = 1.0
#: How often claims are looked at. A lease that ended is given to another worker within this.
WATCH_S = 0.5
#: A stored outcome is published by the process that stored it. After so many looks it is taken for dead.
DONE_LOOKS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseParts:
    """What the readers of all queues of a process share."""

    lending: Lending
    claims: LentAttempts
    desk: LeaseDesk
    outbox: Outbox
    clock: Clock
    metrics: LeaseMetrics


class QueueReader:
    """The ``PollHandler`` of one queue. ``wanted_leases`` is set by the role: how many leases are waited for."""

    def __init__(self, topic: str, parts: LeaseParts) -> None:
        self.topic = topic
        self.wanted_leases = 0
        self.fault: BaseException | None = None
        self._lending = parts.lending
        self._claims = parts.claims
        self._desk = parts.desk
        self._outbox = parts.outbox
        self._clock = parts.clock
        self._metrics = parts.metrics
        self._watermarks = Watermarks(MAX_SPAN)
        self._ready: deque[Held] = deque()
        self._lent: list[Lent] = []
        self._looks: dict[str, int] = {}
        self._arrived = asyncio.Event()
        self._paused: dict[Partition, str] = {}
        self._control: Control | None = None
        self._draining = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to lend and to watch."""
        for work in (self._lend(), self._watch()):
            task = asyncio.create_task(work, name=f"leases of {self.topic}")
            task.add_done_callback(self._ended)
            self._tasks.append(task)

    @property
    def is_lending(self) -> bool:
        """Whether any worker has a lease of this process."""
        return bool(self._lent)

    @property
    def leases(self) -> int:
        """How many leases workers have of this process."""
        return sum(lent.given is not None for lent in self._lent)

    async def assigned(self, partitions: set[Partition], control: Control) -> None:
        """Continue at the group's offsets."""
        self._control = control
        self._watermarks.assign(partitions)

    async def revoked(self, partitions: set[Partition]) -> None:
        """Forget what left. Leases continue; their claims show them to the next owner."""
        self._watermarks.revoke(partitions)
        self._ready = deque(held for held in self._ready if held.ticket.partition not in partitions)
        self._lent = [lent for lent in self._lent if lent.held.ticket.partition not in partitions]
        for partition in partitions:
            self._paused.pop(partition, None)

    def batch_delay_s(self) -> float:
        """Return 0: a step that a worker waits for gains nothing by company."""
        return 0.0

    def linger_s(self, poll: Poll) -> float:
        """Return 0: nothing is known of what follows."""
        return 0.0

    def wanted(self) -> tuple[set[Partition], int]:
        """Return what to fetch next: as many as leases are waited for, and a few more."""
        room = min(self.wanted_leases, MOST) + BUFFER - len(self._ready)
        partitions = self._watermarks.open() - self._paused.keys()
        return (set(), 0) if self._draining or room <= 0 else (partitions, room)

    async def handle(self, poll: Poll) -> None:
        """Take a poll's requests."""
        for partition, records in poll.records.items():
            for record in records:
                if partition in self._paused or self._draining:
                    break
                await self._take(partition, record)

    def commits(self) -> dict[Partition, int]:
        """Return the lowest unfinished offset of each partition."""
        return self._watermarks.commits()

    def room(self) -> set[Partition]:
        """Return the partitions from which a request would be taken now."""
        return self.wanted()[0]

    async def settle(self, seconds: float) -> None:
        """Take no more. Leases continue without this process."""
        self._draining = True
        for task in self._tasks:
            await end(task)

    async def drain(self, seconds: float) -> None:
        """Take no more."""
        await self.settle(seconds)

    def paused(self) -> dict[Partition, str]:
        """Return the partitions that wait for an upgrade of this role, and why."""
        return dict(self._paused)

    async def _take(self, partition: Partition, record: InRecord) -> None:
        try:
            request = read_request(record)
        except NewerMajor as exc:
            self._paused[partition] = str(exc)
            said = str(exc)
            log.error("leases: %s/%d is paused: %s", *partition, said, extra={"action": "pause"})  # noqa: TRY400 - no defect
            return
        except BadRecord as exc:
            await self._set_aside(partition, record, exc)
            return
        taken = Taken(f"step {request.step_id} of run {request.run_id}", self._clock.now_ms())
        if (ticket := self._watermarks.take(partition, record.offset, taken)) is not None:
            self._ready.append(Held(record, request, ticket))
            self._arrived.set()

    async def _set_aside(self, partition: Partition, record: InRecord, exc: BadRecord) -> None:
        ticket = self._watermarks.take(partition, record.offset)
        if ticket is None:
            return
        failed = failed_by_dead_letter(record, exc, self._clock.now_ms())
        letter = dead_letter(record, exc.reason, str(exc), self._clock.now_ms())
        await self._outbox.send([letter, *([] if failed is None else [to_out(failed)])])
        log.error("%s/%d@%d is a dead letter: %s", *partition, record.offset, exc, extra={"action": "dead_letter"})
        self._watermarks.ack(ticket)

    async def _lend(self) -> None:
        """Give requests to those who ask, the oldest first."""
        while True:
            if not self._ready:
                self._arrived.clear()
                await self._arrived.wait()
                continue
            try:
                ask = await self._desk.next(self.topic, ASK_WAIT_S)
            except Unavailable as exc:
                await self._clock.sleep(exc.retry_after_s)
                continue
            if ask is not None:
                await self._answer(ask)

    async def _answer(self, ask: Ask) -> None:
        while self._ready:
            held = self._ready.popleft()
            lent = await self._lending.lend(held, ask)
            if lent is None:
                self._ack(held)
                continue
            if self._watermarks.holds(held.ticket):
                self._lent.append(lent)
            if lent.given is not None:
                self._metrics.given(self.topic)
                self._wake()
                return
        # All that was ready turned out to be done, or left with its partition.
        with suppress(Unavailable):
            await self._desk.return_ask(self.topic, ask)

    async def _watch(self) -> None:
        """Look at the claims of what is lent."""
        while True:
            await self._clock.sleep(WATCH_S)
            lent = list(self._lent)
            if not lent:
                continue
            try:
                found = await self._claims.standings([(o.held.request.run_id, o.held.request.request_id) for o in lent])
            except Unavailable:
                continue
            for one, standing in zip(lent, found, strict=True):
                await self._look(one, standing)

    async def _look(self, lent: Lent, standing: Standing) -> None:
        match standing.state:
            case "published":
                self._over(lent, "recorded")
                self._ack(lent.held)
            case "done":
                await self._look_at_done(lent)
            case "running" if standing.owner and standing.left_ms > 0:
                return
            case "":
                if not await self._lending.put_back(lent):
                    self._again(lent)
            case _:
                self._again(lent)

    async def _look_at_done(self, lent: Lent) -> None:
        """Publish an outcome whose process died after it was stored."""
        request = lent.held.request
        looks = self._looks[request.request_id] = self._looks.get(request.request_id, 0) + 1
        if looks < DONE_LOOKS:
            return
        try:
            result = await self._claims.result(request.run_id, request.request_id)
        except Unavailable:
            return
        if result is not None:
            await self._lending.publish(lent.held, result)

    def _again(self, lent: Lent) -> None:
        """Lease a request again: its lease ended or was released."""
        self._over(lent, "returned")
        if self._watermarks.holds(lent.held.ticket):
            self._ready.appendleft(lent.held)
            self._arrived.set()

    def _over(self, lent: Lent, how: How) -> None:
        self._looks.pop(lent.held.request.request_id, None)
        if lent.given is not None:
            self._metrics.ended(self.topic, how)
        with suppress(ValueError):
            self._lent.remove(lent)

    def _ack(self, held: Held) -> None:
        self._watermarks.ack(held.ticket)
        self._wake()

    def _wake(self) -> None:
        if self._control is not None:
            self._control.wake()

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (exc := task.exception()) is not None:
            log.error("leases of %s failed", self.topic, exc_info=exc, extra={"action": "crash"})
            self.fault = self.fault or exc
