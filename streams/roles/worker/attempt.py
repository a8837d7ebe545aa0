"""The life of one attempt, in this order:

1. claim it (one round trip, which also reads the run's status); a pure function needs no claim, unless it may be what
   killed the worker before (``Delivery.suspect``)
2. execute it, the claim renewed meanwhile
3. store the outcome in the claim: the very bytes that will be appended
4. append the outcome to the log and wait for its acknowledgement
5. mark the claim published; then the caller acks the request

A crash after 1 or 2 starts the attempt again once the lease is over; after 3 or 4 the stored bytes are appended again,
and nothing is called. Redis or the log being down is waited for, with nothing acked.

A request may carry the steps after it (``streams.core.runs.requests.chained``). Then 3 also decides whether this
worker goes on, which the result says, and the claim is marked (5) only when the whole chain is done: until then whoever
reads the request again finds every outcome so far and goes on from there.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from msgspec import structs

from connectors.aio.keep_alive import kept
from connectors.aio.retry import until_available
from connectors.ports.engine import Clock, OutRecord
from connectors.redis.claims.leases import Busy, Done, Ended, Granted, Published
from schemas.errors import StepError, Unavailable
from schemas.records.base import Record
from schemas.records.money import CostEvent
from schemas.records.run_events import StepSucceeded
from schemas.records.steps import FunctionCall, StepRequest
from services.calls.timeouts import Deferred
from services.runs.attempts.asking import Asked
from services.runs.outcome_records import deferred_record, pack, unpack
from streams.core.runs.requests.chained import next_request
from streams.roles.worker.executor import Executed, Executor
from streams.roles.worker.leases import Leases
from streams.roles.worker.metrics import WorkerMetrics
from streams.roles.worker.producer import Outbox
from streams.roles.worker.run_status import RunStatus
from streams.runtime.routing import to_out
from topics.codec import decode

log = logging.getLogger(__name__)

#: Starts of one attempt that ended without an outcome, before it is taken for what kills its workers.
MAX_STARTS = 3
#: An attempt on its last start is made alone, so that those that only happened to run beside the one that kills its
#: workers are not taken for it. This is when to ask again while another one is.
ALONE_WAIT_S = 2.0


@dataclass(frozen=True, slots=True)
class Todo:
    """What is left to do after an attempt was worked on: append ``records``; then go on with ``next``, if there is one.

    ``claimed`` is the attempt whose claim is to be marked when nothing is left to go on with. ``poison`` is why the
    request's record is to be dead-lettered.
    """

    records: Sequence[OutRecord] = ()
    claimed: StepRequest | None = None
    next: StepRequest | None = None
    poison: StepError | None = None


def never() -> bool:
    """Go on with nothing."""
    return False


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a request came: ``where`` its record is (``topic/partition@offset``).

    ``suspect``: a worker that died may have begun it, so that its starts are counted. ``may_go_on`` is asked when a
    step that carries others has succeeded.
    """

    where: str = ""
    suspect: bool = False
    may_go_on: Callable[[], bool] = never


FRESH = Delivery()


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptSpec:
    """Who works, for how long an attempt is leased, and how many starts without an outcome are too many."""

    worker_id: str
    lease_ms: int
    max_starts: int = MAX_STARTS


class Attempts:
    """Takes attempts from request to published outcome. The spec's worker and lease are those of ``claims``."""

    def __init__(
        self,
        spec: AttemptSpec,
        *,
        executor: Executor,
        claims: Leases,
        outbox: Outbox,
        clock: Clock,
        metrics: WorkerMetrics,
    ) -> None:
        self._worker_id = spec.worker_id
        self._claims = claims
        self._status = RunStatus(claims.over, clock)
        self._executor = executor
        self._outbox = outbox
        self._clock = clock
        self._metrics = metrics
        self._lease_ms = spec.lease_ms
        self._max_starts = spec.max_starts
        self._alone: str | None = None

    async def work(self, request: StepRequest, delivery: Delivery = FRESH) -> Todo:
        """Do steps 1 to 3. Canceled, it gives its claim back at once."""
        # What was given back once may have been on its last start.
        if isinstance(request.work, FunctionCall) and not (delivery.suspect or request.deferral):
            return await self._function(request, delivery.may_go_on)
        run_id, request_id, after = request.run_id, request.request_id, request.compensation
        taken_ms = self._clock.now_ms()
        answer = await until_available(lambda: self._claims.take(run_id, request_id, also_ended=after), self._clock)
        self._metrics.claimed(answer)
        match answer:
            case Granted():
                return await self._granted(request, answer, delivery, taken_ms)
            case Busy(owner=owner, remaining_ms=remaining_ms):
                return self._deferred(request, remaining_ms / 1000, f"worker {owner} has this attempt")
            case Done(result=result):
                return self._done(request, unpack(result))
            case Published() | Ended():
                return Todo()

    def is_quick(self, request: StepRequest) -> bool:
        """Return whether an attempt takes no time worth a slot."""
        return self._executor.is_quick(request)

    async def publish(self, todo: Todo) -> None:
        """Do step 4."""
        await self._outbox.send(todo.records)

    async def mark(self, request: StepRequest) -> None:
        """Do step 5."""
        await until_available(lambda: self._claims.published(request.run_id, request.request_id), self._clock)

    def given_up(self, request: StepRequest, error: StepError) -> Todo:
        """Return the failure of an attempt that could not even be worked on."""
        return Todo(_routed(self._executor.failed(request, error).records))

    async def _function(self, request: StepRequest, may_go_on: Callable[[], bool]) -> Todo:
        # A request from the log was asked for a moment ago; one that this worker asked for itself was not.
        if request.args_hash and await self._status.is_over(request.run_id):
            return Todo()
        try:
            executed = await self._executor.execute(request, None)
        except Deferred as wait:
            return self._given_back(request, wait)
        self._metrics.executed(request, executed.error_code)
        self._metrics.decided(executed.decisions, executed.decided_s)
        after = self._after(request, executed, may_go_on)
        return Todo(_routed(_said(executed, after)), next=after)

    async def _granted(self, request: StepRequest, granted: Granted, delivery: Delivery, taken_ms: int) -> Todo:
        # The first start of a function was not counted.
        deaths = granted.starts - 1 + isinstance(request.work, FunctionCall)
        if deaths >= self._max_starts:
            return await self._poisoned(request, granted, deaths, delivery.where)
        last = deaths == self._max_starts - 1
        if last and self._alone is not None:
            await until_available(lambda: self._claims.release(granted), self._clock)
            return self._deferred(request, ALONE_WAIT_S, f"it is started alone, after {self._alone}")
        try:
            if last:
                self._alone = request.request_id
            executed = await self._execute(request, granted, taken_ms)
        except Deferred as wait:
            await until_available(lambda: self._claims.release(granted), self._clock)
            return self._given_back(request, wait)
        except asyncio.CancelledError:
            # A start that is given back never was, so one that may have had its effect waits for the end of its lease.
            if request.on_unknown == "retry":
                await self._give_up(granted)
            raise
        finally:
            if last:
                self._alone = None
        return await self._finished(request, granted, executed, self._after(request, executed, delivery.may_go_on))

    async def _poisoned(self, request: StepRequest, granted: Granted, deaths: int, where: str) -> Todo:
        error = _poison(deaths, where)
        log.error("step %s of run %s: %s", request.step_id, request.run_id, error, extra={"action": "poison"})
        todo = await self._finished(request, granted, self._executor.failed(request, error), None)
        return replace(todo, poison=error)

    async def _finished(
        self, request: StepRequest, granted: Granted, executed: Executed, after: StepRequest | None
    ) -> Todo:
        self._metrics.executed(request, executed.error_code)
        self._metrics.decided(executed.decisions, executed.decided_s)
        records = _routed(_said(executed, after))
        result = pack(records)
        if await until_available(lambda: self._claims.finish(granted, result, executed.counts), self._clock):
            return Todo(records, request, after)
        # Another worker has the attempt: what comes after it, and the mark, are that one's. These records are not
        # stored, so the outcome may be lost with this process: the table of budgets reports its cost.
        return Todo(_routed(_unreported(executed.records)))

    def _done(self, request: StepRequest, records: list[OutRecord]) -> Todo:
        """Go on as the stored outcome says, whether it is in the log or not."""
        result = decode(records[-1].topic, records[-1].value)
        if not isinstance(result, StepSucceeded) or result.chain != "continues":
            return Todo(records, request)
        after = next_request(request, result.output, result.cost_nano, self._clock.now_ms())
        # A request that does not carry the rest leaves it, and the mark, to the one that does.
        return Todo(records, request if after is not None else None, after)

    def _after(self, request: StepRequest, executed: Executed, may_go_on: Callable[[], bool]) -> StepRequest | None:
        """Return what this worker goes on with."""
        result = executed.records[-1]
        if not request.continuation or not isinstance(result, StepSucceeded) or not may_go_on():
            return None
        return next_request(request, result.output, result.cost_nano, self._clock.now_ms())

    async def _execute(self, request: StepRequest, granted: Granted, taken_ms: int) -> Executed:
        what = f"the claim of {granted.request_id}"
        async with kept(lambda: self._claims.renew(granted), self._lease_ms / 3000, self._clock, what):
            claim = None if isinstance(request.work, FunctionCall) else granted
            return await self._executor.execute(request, claim, taken_ms)

    async def _give_up(self, granted: Granted) -> None:
        try:
            await self._claims.release(granted)
        except Unavailable as exc:
            log.warning("claim not released, its lease runs out: %s", exc, extra={"action": "claim_not_released"})

    def _given_back(self, request: StepRequest, wait: Deferred) -> Todo:
        """Return what is appended for an attempt that waits: for a while, or for a person's answer."""
        if not isinstance(wait, Asked):
            return self._deferred(request, wait.wait_s, wait.reason)
        self._metrics.deferred(request)
        self._metrics.decided(wait.decisions, wait.decided_s)
        asks = deferred_record(request, self._clock.now_ms(), wait.reason, self._worker_id, wait.question)
        return Todo(_routed([*wait.decided, asks]))

    def _deferred(self, request: StepRequest, wait_s: float, reason: str) -> Todo:
        self._metrics.deferred(request)
        until_ms = self._clock.now_ms() + max(1, int(wait_s * 1000))
        return Todo(_routed([deferred_record(request, until_ms, reason, self._worker_id)]))


def _routed(records: Sequence[Record]) -> list[OutRecord]:
    return [to_out(record) for record in records]


def _said(executed: Executed, after: StepRequest | None) -> list[Record]:
    """Return an attempt's records, its result saying whether the worker goes on."""
    if after is None:
        return executed.records
    *others, result = executed.records
    return [*others, structs.replace(result, chain="continues")]


def _unreported(records: Sequence[Record]) -> list[Record]:
    return [structs.replace(one, unreported=True) if isinstance(one, CostEvent) else one for one in records]


def _poison(starts: int, where: str) -> StepError:
    return StepError(
        "poison",
        f"this attempt was started {starts} times, and its worker died each time; look in the workers' logs for the "
        "reason (memory, a crash in a tool), fix it or set isolation='process', and submit the run again. "
        "The request is in the dead-letter topic",
        details={"dead_letter": where, "reason": "poison"},
    )
