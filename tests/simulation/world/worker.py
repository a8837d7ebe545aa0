"""The worker: it holds money, says that its call starts, makes it, settles it, and says what came of the attempt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from msgspec import structs

from connectors.redis.holds import entry_of
from schemas.errors import Unavailable
from schemas.ids import call_id
from schemas.records.base import ErrorInfo, Record
from schemas.records.money import CallStarted, CostEvent
from schemas.records.run_events import StepDeferred, StepFailed, StepSucceeded, ToolUse
from schemas.records.security.pinned import Question
from schemas.records.steps import LlmCall, StepRequest
from streams.core.runs.requests.chained import next_request
from tests.simulation.ports.calls import Calls
from tests.simulation.ports.log import SimLog
from tests.simulation.scheduler import Process
from tests.simulation.world.answers import VARIANT, amount, estimate, of_request
from tests.simulation.world.asks import question_of
from tests.simulation.world.labels import said as said_of
from tests.simulation.world.subjects import is_good
from tests.simulation.world.subjects import said as said_of_person
from tests.simulation.world.workflows import MINUTE_MS
from tests.support.runs import ORG
from topics import catalogue
from topics.codec import decode
from topics.partitioner import partition_for

if TYPE_CHECKING:
    from tests.simulation.world.world import World

LANE = catalogue.lane("silver")
HOLD_MS = 2_000
#: How often a worker says that its call lives.
ASSERT_MS = 300
#: How soon it asks again for money that it did not get.
HOLD_AGAIN_MS = 300
SETTLED_AS: tuple[tuple[Literal["actual", "presumed"], ...], ...] = (
    ("actual",),
    ("actual",),
    ("presumed", "actual"),
    ("presumed",),
)


class Worker:
    """Answers every request of the lane: in time or late, once or twice, and not always in the same words.

    ``billed`` is what the provider says of each call that it answered, ``unanswered`` what is delivered again when the
    process dies. ``continued`` are the requests that it made by itself, of chained steps.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._answers = self._starts = 0
        self.process: Process | None = None
        self.billed: dict[str, int] = {}
        self._stored: dict[tuple[str, int], list[Record]] = {}
        self.unanswered: dict[tuple[int, int], StepRequest] = {}
        self.continued: list[StepRequest] = []
        self.lane_at = dict.fromkeys(range(world.partitions), 0)

    def start(self) -> None:
        """Start the process; what the one before did not answer is delivered again."""
        self.process, calls = self._world.process("worker")
        log = SimLog(self._world.log, calls)
        for place in list(self.unanswered):
            self._world.scheduler.spawn(self.process, self._answer(calls, log, place))
        self._world.scheduler.spawn(self.process, self._work(calls, log))

    async def _work(self, calls: Calls, log: SimLog) -> None:
        """Take requests and answer each in its own time."""
        while True:
            for partition, at in self.lane_at.items():
                end = self._world.log.end(LANE, partition)
                for record in self._world.log.slice(LANE, partition, at, end):
                    place = (partition, record.offset)
                    self.unanswered[place] = decode(LANE, record.value)
                    self._world.scheduler.spawn(calls.process, self._answer(calls, log, place))
                self.lane_at[partition] = end
            await self._world.scheduler.turn(calls.process, "fetch", 20, idle=True)

    async def _answer(self, calls: Calls, log: SimLog, place: tuple[int, int]) -> None:
        """Answer one request and go on with what it carries."""
        world, request = self._world, self.unanswered[place]
        following: StepRequest | None = request
        while following is not None:
            request = following
            if (stored := self._stored.get((request.request_id, request.deferral))) is not None:
                await world.clients.persist(calls.process, log, stored)
                following = self._goes_on_as_stored(request, stored[-1])
                continue
            if world.asks and (question := question_of(request)) is not None:
                await self._ask(calls, log, request, question)
                break
            work_ms = world.rng.choice((0, 0, 10, 400, 3_000, 20 * MINUTE_MS))
            await world.scheduler.turn(calls.process, "work", work_ms)
            call = None if _over_cap(request) else await self._paid(calls, log, request)
            for _ in range(2 if world.rng.random() < 0.1 else 1):
                *others, said = self._outcome(request, call)
                if request.subject and isinstance(said, StepSucceeded | StepFailed):
                    said = said_of_person(world.persons, request, said, world.rng)
                following, said = self._gone_on_with(request, said)
                if call is not None:
                    world.money.over(call.call_id)
                await world.clients.persist(calls.process, log, self._store(request, [*others, said]))
        self.unanswered.pop(place, None)

    async def _ask(self, calls: Calls, log: SimLog, request: StepRequest, question: Question) -> None:
        """Give an attempt back with what a person is asked, and let somebody answer it."""
        given_back = StepDeferred(
            run_id=request.run_id,
            org_id=request.org_id,
            step_id=request.step_id,
            attempt=request.attempt,
            until_ms=self._world.scheduler.now_ms,
            reason="approval",
            deferral=request.deferral + 1,
            chain="returned" if request.continuation else None,
            asks=question,
        )
        await self._world.clients.persist(calls.process, log, [given_back])
        self._world.clients.start_answering(request, question)

    def _store(self, request: StepRequest, records: list[Record]) -> list[Record]:
        """Return what is appended: every other outcome was stored first, and is appended again after a death.

        One that could not be stored may be lost with its process, so its costs are reported by the table of budgets.
        """
        if self._answers % 2 or isinstance(records[-1], StepDeferred):
            return [structs.replace(one, unreported=True) if isinstance(one, CostEvent) else one for one in records]
        self._stored.setdefault((request.request_id, request.deferral), records)
        return records

    def _goes_on_as_stored(self, request: StepRequest, said: Record) -> StepRequest | None:
        if not isinstance(said, StepSucceeded) or said.chain != "continues":
            return None
        return next_request(request, said.output, said.cost_nano, self._world.scheduler.now_ms)

    def _gone_on_with(self, request: StepRequest, said: Record) -> tuple[StepRequest | None, Record]:
        """Return what follows an answer, and the answer saying so. One in eight workers stops there."""
        if not request.continuation:
            return None, said
        if isinstance(said, StepSucceeded) and is_good(request, said) and self._world.rng.random() < 0.875:
            after = next_request(request, said.output, said.cost_nano, self._world.scheduler.now_ms)
            if after is not None:
                self.continued.append(after)
                return after, structs.replace(said, chain="continues")
        assert isinstance(said, StepSucceeded | StepFailed | StepDeferred)
        return None, structs.replace(said, chain="returned")

    # Money

    async def _paid(self, calls: Calls, log: SimLog, request: StepRequest) -> CallStarted | None:
        """Make the call of an attempt; another start of it is another call. The provider bills what it answered.

        No call is made when a run's cap has no room.
        """
        world = self._world
        self._starts += 1
        number, partition = self._starts, partition_for(ORG.encode(), world.partitions)
        call = self._start_of(request, number)
        while not (held := await self._held(calls, partition, call, request.caps)):
            if held is None:
                return None
            await world.scheduler.turn(calls.process, "retry", HOLD_AGAIN_MS)
            call = self._start_of(request, number)
        world.scheduler.spawn(calls.process, self._asserts(calls, call.call_id))
        if world.bug != "unannounced":
            await world.clients.persist(calls.process, log, [call])
        await world.scheduler.turn(calls.process, "call", world.rng.choice((0, 0, 100, 1_500)))
        self.billed[call.call_id] = amount(request.request_id)
        return call

    async def _held(self, calls: Calls, partition: int, call: CallStarted, caps: Mapping[str, int]) -> bool | None:
        """Hold what a call may cost; ``None`` when a run's cap has no room."""
        world, entry = self._world, entry_of(call)
        try:
            return await calls.call(
                "hold", lambda: world.money.hold_within(partition, entry, world.scheduler.now_ms, caps)
            )
        except Unavailable:
            return False

    async def _asserts(self, calls: Calls, call: str) -> None:
        """Say that a call lives, as long as it does."""
        world = self._world
        while True:
            await world.scheduler.turn(calls.process, "assert", ASSERT_MS)
            if call not in world.money.live:
                return
            now_ms = world.scheduler.now_ms
            try:
                await calls.call("assert", lambda: world.money.reassert(call, now_ms, now_ms + HOLD_MS))  # noqa: B023
            except Unavailable:
                continue

    def _start_of(self, request: StepRequest, number: int) -> CallStarted:
        """Return the start of an attempt's call."""
        is_first = request.step_id.endswith(("a", "1"))
        return CallStarted(
            call_id=call_id(request.request_id, number),
            org_id=ORG,
            run_id=request.run_id,
            step_id=request.step_id,
            workflow_name=request.workflow_name,
            provider="local" if is_first else "other",
            model="m",
            amount_nano=estimate(request.request_id),
            booked_at_ms=self._world.scheduler.now_ms,
            expires_at_ms=self._world.scheduler.now_ms + HOLD_MS,
            price_version="1",
            caps=sorted(request.caps),
        )

    def _settlements(self, request: StepRequest, call: CallStarted | None) -> list[CostEvent]:
        """Return the settlements of an attempt's call: an estimate, the real cost, or both."""
        if call is None:
            return []
        presumed = call.presumed()
        actual = structs.replace(presumed, kind="actual", amount_nano=amount(request.request_id))
        return [presumed if kind == "presumed" else actual for kind in self._world.rng.choice(SETTLED_AS)]

    # What is said

    def _in_clear(self, request: StepRequest) -> StepRequest:
        args = self._world.persons.args(request) if request.subject else None
        return request if args is None else structs.replace(request, args=args, links=[])

    def _outcome(self, request: StepRequest, call: CallStarted | None) -> list[Record]:
        """Return what a worker says of an attempt, with what it did cost."""
        self._answers += 1
        now, rng = self._world.scheduler.now_ms, self._world.rng
        said: dict[str, Any] = {
            "run_id": request.run_id,
            "org_id": request.org_id,
            "step_id": request.step_id,
            "attempt": request.attempt,
            "worker_id": f"answer {self._answers}",
        }
        at = rng.random()
        if at < 0.08 and request.deferral < 2:
            until = now + rng.choice((0, 500))
            deferred = StepDeferred(**said, until_ms=until, reason="budget", deferral=request.deferral + 1)
            return [*self._settlements(request, call), deferred]
        costs = self._settlements(request, call)
        said |= {"started_at_ms": now, "finished_at_ms": now, "args_hash": request.args_hash}
        said |= _costs(call, costs)
        if call is None:
            return [StepFailed(**said, error=ErrorInfo(code="run_budget_exceeded", message="its cap is spent"))]
        if at < 0.25:
            after_ms = rng.choice((None, None, 5_000))
            error = ErrorInfo(code="boom", message="it failed", retryable=at < 0.22, retry_after_ms=after_ms)
            exposed = isinstance(request.work, LlmCall) and request.work.rollout is not None
            return [*costs, StepFailed(**said, error=error, exposed=exposed)]
        calls = [ToolUse(id="1", name="t"), ToolUse(id="2", name="u")] if request.step_id.endswith("/turn-1") else []
        output = of_request(self._in_clear(request)) + (VARIANT if at > 0.9 else 0)
        return [*costs, StepSucceeded(**said, output=said_of(request, output), tool_calls=calls)]


def _costs(call: CallStarted | None, costs: list[CostEvent]) -> dict[str, Any]:
    """Return what an outcome says of its call: the last of its settlements."""
    if call is None:
        return {}
    last = costs[-1]
    presumed = [call.call_id] if last.kind == "presumed" else []
    return {"cost_nano": last.amount_nano, "call_ids": [call.call_id], "presumed_calls": presumed}


def _over_cap(request: StepRequest) -> bool:
    """Whether the run's cap leaves less than the attempt may cost. Then no call is made."""
    left = request.run_budget_nano
    return left is not None and estimate(request.request_id) > left
