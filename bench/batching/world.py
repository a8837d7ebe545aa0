"""Steps whose calls go by batch, workers and a role that die, and the log that outlives them: all but Kafka and Redis.

The stages of calls, the work on batches, the providers' wires and the fold of budgets are those of production; the
store, the holds and the delivery of requests are in memory, and live on when a process dies.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.batching.server import KEY, BatchServer
from connectors.memory.batches import MemoryBatches
from connectors.memory.engine import ManualClock
from connectors.objects.store import LocalObjects
from connectors.ports.batches import Gathered
from connectors.postgres.money.price_lists import ListVersion
from connectors.prices.book import PriceBook
from connectors.providers.anthropic.provider import AnthropicProvider
from connectors.providers.base import Provider
from connectors.providers.batching.services import batch_services
from connectors.providers.openai.provider import OpenAIProvider
from connectors.redis.holds import AlreadySettled, Held, HoldRequest
from schemas.errors import StepError
from schemas.ids import request_id
from schemas.records.base import Record
from schemas.records.money import CallStarted, CostEvent
from schemas.records.run_events import TimerFired
from schemas.records.timers import Defer
from schemas.spec.policy import BatchMode
from services.batches.ports import BatchPorts, Counts, Uncounted
from services.batches.work import Batches
from services.caching.ports import CachePorts
from services.calls.call import Call, Content, Origin, Proceed, Trace
from services.calls.cancellation import Cancellations
from services.calls.ledger import Ledger
from services.calls.pipeline import call_stages, compose
from services.calls.ports import Batching, CallPorts
from services.calls.timeouts import Deferred
from services.prices.stored import StoredPrices
from services.routing.router import Pin, RouteTable
from streams.core.budgets.fold import BudgetsFold

ORG = "acme"
START_MS = 1_795_305_600_000
#: Nano-dollars of one token, input and output, by batch: half the list price. Written by hand, not by the price book.
BATCH_PRICES = {
    "gpt-4o-mini": (75, 300),
    "gpt-4o": (1_250, 5_000),
    "gpt-4.1-mini": (200, 800),
    "claude-3-5-haiku-latest": (400, 2_000),
}
MODELS = (("openai", "gpt-4o-mini"), ("anthropic", "claude-3-5-haiku-latest"))


class NoLists:
    """No organisation has a price list."""

    async def after(self, org_id: str, version: int) -> list[ListVersion]:
        """Return none."""
        return []


class Killed(BaseException):
    """The process died."""


@dataclass
class Step:
    """A step of a run of its own, and what became of it. ``due_ms`` is when its request is delivered again."""

    number: int
    route: tuple[str, str]
    mode: BatchMode = "only"
    deferral: int = 0
    due_ms: int = START_MS
    text: str | None = None
    error: StepError | None = None
    is_over: bool = False

    @property
    def run_id(self) -> str:
        """The step's run."""
        return f"run-{self.number}"

    @property
    def prompt(self) -> str:
        """The question."""
        return f"question {self.number}"

    @property
    def is_done(self) -> bool:
        """Whether nothing is waited for."""
        return self.text is not None or self.error is not None or self.is_over


class Books:
    """The table of budgets, folded of the log by the fold of production."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], Any] = {}
        self._offset = 0

    def get(self, entity: str, name: str) -> Any | None:
        """Return an entry."""
        return self._entries.get((entity, name))

    def put(self, entity: str, name: str, value: Any) -> None:
        """Store an entry."""
        self._entries[entity, name] = value

    def drop(self, entity: str, name: str) -> None:
        """Remove an entry."""
        self._entries.pop((entity, name), None)

    def fields(self, entity: str) -> Iterable[str]:
        """Return the names of an entity's entries."""
        return [name for of, name in self._entries if of == entity]

    def fold(self, event: CallStarted | CostEvent) -> None:
        """Take one record of the log."""
        BudgetsFold().fold(self, event, START_MS, self._offset)
        self._offset += 1

    def spent(self) -> int:
        """Return what the organisation has spent."""
        return max((value for name in self.fields(ORG) if isinstance(value := self.get(ORG, name), int)), default=0)


class Holds:
    """Holds by call, as the table would have them."""

    def __init__(self) -> None:
        self.held: dict[str, Held] = {}
        self.settled: set[str] = set()

    async def hold(self, request: HoldRequest) -> Held | AlreadySettled:
        """Hold once."""
        if request.call_id in self.settled:
            return AlreadySettled(request.call_id)
        return self.held.setdefault(request.call_id, Held(request.at_ms, request.estimate_nano))

    async def reassert(self, request: HoldRequest, expires_at_ms: int) -> bool:
        """Do nothing: time is the world's."""
        return request.call_id not in self.settled


@dataclass
class Killer:
    """Kills the process at points: at each of ``left`` when it has been reached so often. A dead one does no more."""

    left: dict[str, int] = field(default_factory=dict)
    killed: list[str] = field(default_factory=list)
    dead: bool = False

    def __call__(self, point: str) -> None:
        """Go on, or die here."""
        if self.dead:
            raise Killed(point)
        if point not in self.left:
            return
        self.left[point] -= 1
        if self.left[point] <= 0:
            del self.left[point]
            self.killed.append(point)
            self.dead = True
            raise Killed(point)


class World:
    """Everything that outlives a process."""

    def __init__(self, directory: Path, server: BatchServer, steps: Sequence[Step], requests: int = 50) -> None:
        self.clock = ManualClock(START_MS)
        self.store = MemoryBatches()
        self.counts: Counts = Uncounted()
        self.holds = Holds()
        self.log: list[Record] = []
        self.steps = list(steps)
        self.server = server
        self.prices = PriceBook.load()
        self.providers: dict[str, Provider] = {
            "openai": OpenAIProvider(KEY, server.url),
            "anthropic": AnthropicProvider(KEY, server.url),
        }
        self._by_run = {step.run_id: step for step in steps}
        self._objects = LocalObjects(directory)
        self._requests = requests
        self._lives = 0

    async def close(self) -> None:
        """Close the providers' connections."""
        for provider in self.providers.values():
            await provider.close()

    async def emit(self, records: Sequence[Record]) -> None:
        """Append to the log; what follows from it at once is done."""
        self.log += records
        for record in records:
            if isinstance(record, CostEvent):
                self.holds.settled.add(record.call_id)
            elif isinstance(record, TimerFired):
                self._wake(record)

    async def announce(self, call: CallStarted) -> None:
        """Append the start of a call."""
        await self.emit([call])

    async def over(self, run_ids: Sequence[str]) -> set[str]:
        """Return the runs that have ended."""
        return {run for run in run_ids if self._by_run[run].is_over}

    def role(self, killer: Killer) -> Batches:
        """Return a new process of the role."""
        self._lives += 1
        return Batches(
            BatchPorts(
                store=self.store,
                services=batch_services(self.providers),
                prices=StoredPrices(lambda: self.prices, NoLists()),
                bodies=self._objects,
                keys=None,
                clock=self.clock,
                emit=self.emit,
                over=self.over,
                owner=f"role-{self._lives}",
                gathered=Gathered(self._requests, 2**24, 60_000),
                poll_ms=300_000,
                reached=killer,
                counts=self.counts,
            )
        )

    def make(self, killer: Killer) -> Proceed:
        """Return a new worker's way of making calls."""
        return compose(call_stages(self._ports(Cancellations(self.clock), killer)))

    async def worker(self, killer: Killer) -> None:
        """Deliver every request that is due, to a new worker."""
        make = self.make(killer)
        for step in self.steps:
            if step.is_done or step.due_ms > self.clock.now_ms():
                continue
            call = self.call(step)
            try:
                answer = await make(call)
            except Deferred as wait:
                step.deferral += 1
                step.due_ms = self.clock.now_ms() + int(wait.wait_s * 1000)
                continue
            except StepError as exc:
                step.error = exc
            else:
                step.text = answer.response.text
            await self.emit([*call.ledger.calls, *call.ledger.costs])

    def spent(self) -> int:
        """Return what the log says that was spent."""
        books = Books()
        for record in self.log:
            if isinstance(record, CallStarted | CostEvent):
                books.fold(record)
        return books.spent()

    def bill(self) -> int:
        """Return what the server billed for calls of batches, by prices that are written here."""
        by_prompt = {step.prompt: step for step in self.steps}
        total = 0
        for prompt, times in self.server.made.items():
            total += times * price_of(by_prompt[prompt], self.server)
        return total

    def paid(self) -> dict[str, list[CostEvent]]:
        """Return the settlements by call, one of each amount."""
        found: dict[str, list[CostEvent]] = {}
        for record in self.log:
            if isinstance(record, CostEvent):
                same = found.setdefault(record.call_id, [])
                if all((one.kind, one.amount_nano) != (record.kind, record.amount_nano) for one in same):
                    same.append(record)
        return found

    def _wake(self, fired: TimerFired) -> None:
        step, timer = self._by_run[fired.run_id], fired.timer
        if isinstance(timer, Defer) and timer.deferral == step.deferral:
            step.due_ms = self.clock.now_ms()

    def _ports(self, aborts: Cancellations, killer: Killer) -> CallPorts:
        return CallPorts(
            providers=self.providers,
            router=RouteTable(),
            prices=self.prices,
            holds=self.holds,
            announce=self.announce,
            cache=CachePorts(_NoCache()),
            objects=self._objects,
            clock=self.clock,
            aborts=aborts,
            hold_ttl_ms=120_000,
            batching=Batching(
                calls=self.store,
                services=batch_services(self.providers),
                holds=self.holds,
                least_sla_ms=86_400_000,
                key_name=None,
                reached=killer,
            ),
        )

    def call(self, step: Step) -> Call:
        """Return the call of a step, as it is delivered now."""
        attempt = request_id(step.run_id, "ask", 1)
        origin = Origin(
            request_id=attempt,
            workflow_name="flow",
            run_id=step.run_id,
            step_id="ask",
            attempt=1,
            node_id="ask",
            deferral=step.deferral,
        )
        return Call(
            org_id=ORG,
            call_id=f"{attempt}@{self.clock.now_ms()}#1",
            idempotency_key=f"{step.run_id}:ask",
            origin=origin,
            trace=Trace(trace_id="t" * 32, span_id="s" * 16),
            tier="silver",
            content=Content(max_tokens=100, prompt=step.prompt, pinned=Pin(*step.route), batch=step.mode),
            ledger=Ledger(),
            timeout_s=60.0,
            cancel_key=step.run_id,
        )


def price_of(step: Step, server: BatchServer) -> int:
    """Return what a step's call costs by batch."""
    read, written = BATCH_PRICES[step.route[1]]
    used = server.tokens[step.prompt]
    return used[0] * read + used[1] * written


class _NoCache:
    """No call asks it: none has ``cache``."""

    lease_ms = 5_000

    def __getattr__(self, name: str) -> Any:
        raise LookupError(f"the cache was asked to {name}")
