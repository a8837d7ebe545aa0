"""A worker over a real Redis and a log in memory, with a provider that a test controls."""

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from connectors.aio.clock import WallClock
from connectors.memory.engine import ManualClock, MemoryLog
from connectors.objects.store import LocalObjects
from connectors.ports.engine import InRecord, OutRecord, Position
from connectors.prices.book import PriceBook
from connectors.providers.base import ModelRequest, ModelResponse
from connectors.providers.conversation import Asked
from connectors.providers.images import ImageInput
from connectors.redis.claims.leases import RedisLeases
from connectors.redis.fenced_table import RedisTable
from connectors.redis.holds import RedisHolds
from connectors.redis.keys import budgets_slot, runs_slot
from connectors.redis.response_cache import RedisResponseCache
from connectors.redis.shadow_answers import ShadowAnswers
from connectors.tools import REGISTRY, Registry
from schemas.records.base import Usage
from schemas.records.definitions import AuditEvent
from schemas.records.money import CallStarted, CostEvent, ProviderCall
from schemas.records.run_events import StepDeferred, StepFailed, StepSucceeded
from schemas.records.spans import TraceSpans
from schemas.records.steps import FunctionCall, LlmCall, StepRequest, ToolCall, Work
from schemas.tables.runs import STATUS
from services.budgets.definitions import BudgetDefinitions
from services.caching.ports import CachePorts
from services.calls.cancellation import Cancellations
from services.calls.pipeline import call_stages, compose
from services.calls.ports import CallPorts
from services.privacy.redact.redactors import Redactors
from services.prompts.rollouts.withdrawals import Withdrawals
from services.routing.router import Router, RouteTable
from services.runs.attempts.answer_guards import AnswerGuards
from services.runs.attempts.private import AttemptPrivacy
from services.runs.attempts.tool_guard import ToolGuard
from services.security.enforcement.known import KnownPolicies
from streams.roles.worker.attempt import Attempts, AttemptSpec
from streams.roles.worker.executor import Executor, ExecutorPorts, Tooling
from streams.roles.worker.metrics import WorkerMetrics
from streams.roles.worker.poll_handler import Worker
from streams.roles.worker.producer import Outbox
from streams.roles.worker.rollouts import Rollouts
from streams.runtime.consumer.poll import Partition, Poll
from streams.runtime.routing import to_out
from tests.support.runs_table import open_runs
from topics.catalogue import AUDIT_EVENTS, COST_EVENTS, PROVIDER_CALLS, RUN_EVENTS, TRACE_SPANS, lane
from topics.codec import decode

#: So many that every organisation has a partition of the budgets table for itself.
PARTITIONS = 1 << 30
#: Of the table of runs.
RUN_PARTITIONS = 12
LOG_PARTITIONS = 2
#: So long that no machine stalls for it: a test that needs a lease to end says so.
LEASE_MS = 60_000
#: For what takes milliseconds on a quiet machine. Only a test that fails waits so long.
PATIENCE_S = 60.0
#: What the scripted provider counts for a picture.
PICTURE_TOKENS = 700


class ScriptedProvider:
    """Answers with what ``reply`` returns. ``calls`` counts by idempotency key; ``gate`` holds answers back."""

    name = "local"

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.asked: list[ModelRequest] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.running = 0
        self.most = 0
        self.asks: Callable[[ModelRequest], tuple[Asked, ...]] = lambda _: ()
        self.reply: Callable[[ModelRequest], str] = lambda request: f"answer to {request.prompt}"

    async def complete(self, request: ModelRequest) -> ModelResponse:
        self.calls[request.idempotency_key] += 1
        self.asked.append(request)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.gate.wait()
            text = self.reply(request)
        finally:
            self.running -= 1
        usage = Usage(input_tokens=10, output_tokens=20)
        asked = self.asks(request)
        return ModelResponse(text, usage, "stop", {"prompt": request.prompt}, {"text": text}, asked)

    def count_tokens(self, model: str, text: str) -> int:
        return len(text)

    def added_tokens(self, tools: int, *, has_schema: bool) -> int:
        return 0

    def picture_tokens(self, model: str, pictures: Sequence[ImageInput]) -> int:
        return PICTURE_TOKENS * len(pictures)

    async def close(self) -> None:
        """Nothing is open."""


class FailingLog(MemoryLog):
    """A log that can break: ``fail`` is raised by every append while it is set."""

    def __init__(self) -> None:
        super().__init__(LOG_PARTITIONS, ManualClock())
        self.fail: BaseException | None = None
        self.appends: list[list[OutRecord]] = []

    async def append(self, records: Any) -> None:
        await asyncio.sleep(0)
        if self.fail is not None:
            raise self.fail
        self.appends.append(list(records))
        await super().append(records)

    def of(self, topic: str) -> list[Any]:
        """Every record that workers appended to a topic, decoded, in the order of the appends over all partitions."""
        return [decode(topic, record.value) for records in self.appends for record in records if record.topic == topic]


class Pump:
    """Does what the transport does: polls what a handler wants, from the offsets that were committed."""

    def __init__(self, worker: Worker, log: FailingLog) -> None:
        self.worker = worker
        self.log = log
        self.committed: dict[Partition, int] = {}
        self.positions: dict[Partition, int] = {}
        self._ends: dict[Partition, int] = {}
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def seek(self, partition: Partition, offset: int) -> None:
        self.positions[partition] = offset

    def wake(self) -> None:
        self._woken.set()

    async def confirms(self) -> bool:
        return True

    def behind(self, partition: Partition) -> bool:
        return len(self.log.records(*partition)) > self.positions.get(partition, 0)

    def left_open(self, partition: Partition) -> bool:
        return True

    def end(self, partition: Partition) -> int:
        return self._ends[partition]

    async def start(self) -> None:
        everything = {(lane(tier), p) for tier in ("gold", "silver", "bronze") for p in range(LOG_PARTITIONS)}
        self.positions = {p: self.committed.get(p, 0) for p in everything}
        self._ends = {p: len(self.log.records(*p)) for p in everything}
        await self.worker.assigned(everything, self)
        self._task = asyncio.create_task(self._run())

    async def stop(self, drain_s: float = 5.0) -> None:
        await self.worker.drain(drain_s)
        self.commit()
        await self.kill()

    async def kill(self) -> None:
        """Stop polling as a crash does; what is in flight is not told."""
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def commit(self) -> None:
        self.committed |= self.worker.commits()

    async def _run(self) -> None:
        while True:
            partitions, most = self.worker.wanted()
            records: dict[Partition, list[InRecord]] = {}
            for partition in sorted(partitions):
                at = self.positions[partition]
                if found := self.log.records(*partition)[at : at + most]:
                    records[partition] = found
                    most -= len(found)
                    self.positions[partition] += len(found)
            if records:
                await self.worker.handle(Poll(records))
                continue
            self._woken.clear()
            try:
                # Not `wait_for`, which in Python 3.11 may swallow a cancellation.
                async with asyncio.timeout(0.01):
                    await self._woken.wait()
            except TimeoutError:
                continue


@dataclass
class Bench:
    """One organisation, one log, any number of workers."""

    redis: Redis
    directory: Path
    org: str = field(default_factory=lambda: f"org-{uuid.uuid4().hex}")
    log: FailingLog = field(default_factory=FailingLog)
    provider: ScriptedProvider = field(default_factory=ScriptedProvider)
    definitions: BudgetDefinitions = field(default_factory=BudgetDefinitions)
    registry: Registry = REGISTRY
    router: Router = field(default_factory=RouteTable)
    pumps: list[Pump] = field(default_factory=list)
    decided: Withdrawals = field(default_factory=Withdrawals)
    policies: KnownPolicies = field(default_factory=KnownPolicies)
    redactors: Redactors | None = None

    def __post_init__(self) -> None:
        self.objects = LocalObjects(self.directory / "objects")
        self.holds = RedisHolds(self.redis, self.definitions, PARTITIONS, 60_000)
        self.clock = WallClock()
        self.aborts = Cancellations(self.clock)
        self.decided.mark_loaded()
        self.shadow_answers = ShadowAnswers(self.redis)

    async def open_budgets(self) -> None:
        """Make the organisation's money table one that may be trusted, and the table of runs one that is there."""
        await open_runs(self.redis, RUN_PARTITIONS)
        self.definitions.mark_loaded()
        table, partition = RedisTable(self.redis, "budgets"), budgets_slot(self.org, PARTITIONS).partition
        epoch = (await table.take(partition, "log")).epoch
        await table.begin(partition, epoch, "log", Position(0, 0))
        await table.open(partition, epoch, 0)

    def worker(self, name: str = "w1", concurrency: int = 10, lease_ms: int = LEASE_MS, **changes: Any) -> Pump:
        """A worker that has not started yet."""
        outbox, metrics = Outbox(self.log, self.clock), WorkerMetrics(CollectorRegistry())
        ports = CallPorts(
            providers={"local": self.provider},
            router=self.router,
            prices=PriceBook.load(),
            holds=self.holds,
            announce=lambda call: outbox.send([to_out(call)]),
            cache=CachePorts(RedisResponseCache(self.redis)),
            objects=self.objects,
            clock=self.clock,
            aborts=self.aborts,
            hold_ttl_ms=60_000,
            lease_ms=lease_ms,
            policies=self.policies,
        )
        executor = Executor(
            name,
            Tooling(registry=self.registry, documents_dir=self.directory),
            ExecutorPorts(
                call_model=compose(call_stages(ports)),
                objects=self.objects,
                clock=self.clock,
                aborts=self.aborts,
                shadow_answers=self.shadow_answers,
                answer_guards=AnswerGuards(self.policies, {}),
                privacy=AttemptPrivacy(self.policies, self.redactors, self.clock),
                guard=ToolGuard(
                    self.policies, lambda records: outbox.send([to_out(one) for one in records]), self.clock
                ),
                rollouts=Rollouts(
                    self.decided, lambda records: outbox.send([to_out(one) for one in records]), self.clock
                ),
            ),
        )
        attempts = Attempts(
            AttemptSpec(worker_id=name, lease_ms=lease_ms),
            executor=executor,
            claims=RedisLeases(self.redis, RUN_PARTITIONS, name, lease_ms),
            outbox=outbox,
            clock=self.clock,
            metrics=metrics,
        )
        worker = Worker(
            attempts=attempts,
            outbox=outbox,
            clock=self.clock,
            metrics=metrics,
            calls=self.registry,
            concurrency=concurrency,
            **changes,
        )
        pump = Pump(worker, self.log)
        self.pumps.append(pump)
        return pump

    def request(self, work: Work, **changes: Any) -> StepRequest:
        """One attempt of a step of a new run."""
        fields: dict[str, Any] = {
            "run_id": str(uuid.uuid4()),
            "org_id": self.org,
            "workflow_name": "flow",
            "workflow_version": 1,
            "step_id": "step",
            "node_id": "step",
            "attempt": 1,
            "tier": "silver",
            "work": work,
            "requested_at_ms": 1,
        }
        return StepRequest(**(fields | changes))

    async def ask(self, *requests: StepRequest) -> None:
        """Put requests on their lanes."""
        await MemoryLog.append(self.log, [to_out(request) for request in requests])

    async def set_status(self, run_id: str, status: str) -> None:
        """Let the run's table say a status."""
        await self.redis.hset(runs_slot(run_id, RUN_PARTITIONS).entity(run_id), STATUS, status)

    async def held(self) -> dict[bytes, bytes]:
        """The organisation's held money."""
        found: dict[bytes, bytes] = await self.redis.hgetall(budgets_slot(self.org, PARTITIONS).held(self.org))
        return found

    def results(self) -> list[StepSucceeded | StepFailed | StepDeferred]:
        """Every event of a run."""
        return self.log.of(RUN_EVENTS)

    def calls(self) -> list[ProviderCall]:
        """Every provider call."""
        return self.log.of(PROVIDER_CALLS)

    def costs(self) -> list[CostEvent]:
        """Every settlement."""
        return [event for event in self.log.of(COST_EVENTS) if isinstance(event, CostEvent)]

    def started(self) -> list[CallStarted]:
        """Every call that was announced."""
        return [event for event in self.log.of(COST_EVENTS) if isinstance(event, CallStarted)]

    def audited(self) -> list[AuditEvent]:
        """Everything in the audit log."""
        return self.log.of(AUDIT_EVENTS)

    def spans(self) -> list[TraceSpans]:
        """Every attempt's spans."""
        return self.log.of(TRACE_SPANS)

    async def finished(self, count: int, seconds: float = PATIENCE_S) -> list[Any]:
        """Wait for so many results."""
        await until(lambda: len(self.results()) >= count, seconds)
        return self.results()

    async def idle(self, pump: Pump) -> None:
        """Wait until a worker has acked everything that it took."""
        ends = {p: len(self.log.records(*p)) for p in pump.positions}
        await until(lambda: all(pump.worker.commits().get(p, 0) == end for p, end in ends.items()))

    async def close(self) -> None:
        """Stop what a test left running and remove the organisation's keys."""
        self.provider.gate.set()
        self.log.fail = None
        for pump in self.pumps:
            await pump.stop(1.0)
        doomed = [key async for key in self.redis.scan_iter(f"{budgets_slot(self.org, PARTITIONS).prefix}:*")]
        if doomed:
            await self.redis.unlink(*doomed)


async def until(true: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds:g} s"
        await asyncio.sleep(0.002)


async def until_async(true: Callable[[], Awaitable[Any]], seconds: float = PATIENCE_S) -> None:
    """Wait for something to become true that must be asked for."""
    deadline = time.monotonic() + seconds
    while not await true():
        assert time.monotonic() < deadline, f"not within {seconds:g} s"
        await asyncio.sleep(0.002)


def llm(template: str = "Say {{word}}", **changes: Any) -> LlmCall:
    """The work of an ``llm`` node."""
    return LlmCall(prompt_name="ask", prompt_version=1, prompt_hash="0" * 64, template=template, **changes)


def tool(name: str) -> ToolCall:
    """The work of a ``tool`` node."""
    return ToolCall(name=name)


def function(name: str) -> FunctionCall:
    """The work of a ``function`` node."""
    return FunctionCall(name=name)
