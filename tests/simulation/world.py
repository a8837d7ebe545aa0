"""A small world for one seed: owners of all tables, a worker, clients, and mischief until it is told to stop."""

import asyncio
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

from msgspec import structs

from connectors.ports.engine import Due, InRecord, OutRecord
from connectors.redis.holds import entry_of
from schemas.errors import Unavailable
from schemas.ids import call_id
from schemas.payload import inline
from schemas.records.admissions import LimitsSet
from schemas.records.base import ErrorInfo, Record
from schemas.records.money import CallStarted
from schemas.records.run_events import (
    CancelRequested,
    RunSubmitted,
    SignalReceived,
    StepDeferred,
    StepFailed,
    StepSucceeded,
    ToolUse,
)
from schemas.records.run_views import RunView
from schemas.records.steps import StepRequest
from schemas.spec.check.waiting_nodes import signal_names
from streams.core.admissions.fold import AdmissionsFold
from streams.core.budgets.fold import BudgetsFold
from streams.core.runs.fold import RunFold
from streams.core.runs.requests.chained import next_request
from streams.core.state import Fold
from streams.runtime.checkpoint.codec import marker_of
from streams.runtime.consumer.poll import Partition, Poll
from streams.runtime.routing import to_out
from streams.runtime.table.agent import TableAgent
from streams.runtime.table.partition import Status
from streams.runtime.table.spec import Ports, TableSpec, Tuning
from streams.runtime.table.timers import Fire, fire_nothing, fire_run_timers
from tests.simulation.bugs import Forgetful, GivenTwice, LeavesChildren, NotHeldAgain, TimerByClock, plant
from tests.simulation.ports import (
    Calls,
    Faults,
    FencedCheckpoints,
    FencedTable,
    SimCheckpoints,
    SimClock,
    SimLog,
    SimTable,
    StampedLog,
)
from tests.simulation.scheduler import Process, Scheduler
from tests.support.families import family, flow, runs
from tests.support.runs import ORG, START_MS, assistant, function, limited, resolved, signal, submitted, switch, wait
from topics import catalogue
from topics.codec import decode
from topics.partitioner import partition_for

LANE = catalogue.lane("silver")
MINUTE_MS = 60_000
HOLD_MS = 2_000
#: The folds of money with a planted bug.
SPEND: dict[str, type[BudgetsFold]] = {"settled_forgotten": Forgetful, "not_held_again": NotHeldAgain}
#: The folds of runs with one.
RULES: dict[str, type[RunFold]] = {"timer_by_clock": TimerByClock, "children_left": LeavesChildren}
#: How much more often mischief strikes in the middle of a checkpoint, which is rare enough.
AT_CHECKPOINTS = 4
#: More steps than any seed needs by far; a world that is not dry by then never will be.
MAX_STEPS = 60_000
FAST = {"retries": {"max_attempts": 3, "initial_ms": 200}}
TIMED = FAST | {"timeout_ms": 1_000}
OPTIONAL = {"retries": {"max_attempts": 1}, "optional": True}
SETTLED_AS: tuple[tuple[Literal["actual", "presumed"], ...], ...] = (
    ("actual",),
    ("actual",),
    ("presumed", "actual"),
    ("presumed",),
)
SPECS = (
    resolved(function("a", FAST), function("b", TIMED), edges="a>b"),
    resolved(function("a", TIMED), function("b", FAST), function("c", FAST), edges="a>b b>c"),
    resolved(function("a"), function("b", FAST), function("c", TIMED), function("d"), edges="a>b a>c b>d c>d"),
    resolved(function("a", FAST), wait("b", 3_000), function("c", FAST), edges="a>b b>c"),
    resolved(
        *(function("a", OPTIONAL), function("b", FAST), function("c", TIMED, join="any")),
        function("d", FAST, join="all_done", inputs={"a": "a.output", "b": "b.output"}),
        edges="a>c b>c a>d c>d",
    ),
    resolved(
        *(function("a", FAST), switch("s", ("a.output > 9", "b"), ("a.output > 4", ["b", "c"]), default="c")),
        *(function("b", TIMED), function("c", OPTIONAL), function("d", FAST)),
        edges="a>s s>b s>c b>d c>d",
    ),
    resolved(
        *(function("a", OPTIONAL), function("b", FAST, condition="a.output == null || a.output > 6", join="all_done")),
        *(function("c", FAST, join="all"), function("d", TIMED, join="all_done", condition="c.output == null")),
        edges="a>b b>c c>d",
    ),
    resolved(
        function("a", FAST),
        function("b", TIMED),
        function("u", FAST, inputs={"of": "a.output"}),
        function("v", TIMED),
        edges="a>b u>v",
        on_failure="u",
        on_cancel="u",
    ),
    resolved(function("a", FAST), signal("b", "b", timeout_ms=4_000, default="late"), function("c"), edges="a>b b>c"),
)

#: Runs of an agent, of maps, with limits and of other runs, each in one of ten worlds: no draw decides that, so that
#: the other six play as they did before.
AGENT = resolved(
    function("a", FAST), assistant("b", TIMED, inputs={"word": "a.output"}), function("c"), edges="a>b b>c"
)
MAPS = resolved(
    function("a", FAST),
    function("b", FAST, parallel=True, items=[1, 2, 3], max_parallel=2, on_child_error="skip"),
    function("c", TIMED, parallel=True, max_parallel=1, on_child_error="collect"),
    function("d", FAST, inputs={"all": "c.output", "first": "b.output.0"}),
    edges="a>b b>c c>d",
)
LIMITED = limited(
    function("a", FAST),
    function("b", TIMED | {"priority": 5}),
    function("c", OPTIONAL | {"priority": -1}, parallel=True, items=[1, 2, 3], on_child_error="collect"),
    function("d", FAST | {"priority": 1}, join="any"),
    function("e", FAST, join="all_done", inputs={"all": "c.output"}),
    assistant("g", TIMED, inputs={"word": "x"}),
    function("undo", FAST),
    edges="a>d b>d c>e d>e g>e",
    on_failure=["undo"],
    max_parallel=2,
    deadline_ms=30 * MINUTE_MS,
)
#: Runs that start runs: one after the other, several of a list, and one that nobody waits for.
KIN = resolved(
    function("a", FAST),
    runs("b", "kid", FAST, inputs={"v": "a.output"}),
    runs(
        "m", "leaf", TIMED, inputs={"v": "{{item}}"}, parallel=True, items=[1, 2], max_parallel=1, on_child_error="skip"
    ),
    runs("free", "leaf", inputs={"v": 0}, detach=True),
    function("z", FAST, inputs={"one": "b.output", "all": "m.output"}),
    edges="a>b b>z m>z",
    family=family(
        flow("kid", function("k", TIMED), runs("in", "leaf", inputs={}), edges="k>in"), flow("leaf", function("l"))
    ),
)
#: The last digits of their seeds.
ONLY = {1: KIN, 3: MAPS, 7: AGENT, 9: LIMITED}
#: Likewise of those in which runs wait for their turn, nearly all of them.
WITH_TURNS = (4, 5)
#: What is set one after the other: at any time one run has its turn at most, and in the end one may have it.
LIMITS: tuple[dict[str, Any], ...] = (
    {"max_running_runs": 1},
    {"max_running_runs": 2, "workflows": {"flow": 1}},
    {"workflows": {"flow": 0}},
    {"max_running_runs": 1, "workflows": {"other": 0}},
)


class Positions:
    """The ``Control`` of a simulated consumer."""

    def __init__(self) -> None:
        self.at: dict[Partition, int] = {}

    def seek(self, partition: Partition, offset: int) -> None:
        """Read from there."""
        self.at[partition] = offset

    def wake(self) -> None:
        """Nobody sleeps long here."""

    def behind(self, partition: Partition) -> bool:
        """Say nothing."""
        return False

    async def confirms(self) -> bool:
        """Say yes: who holds a partition here is the scheduler's affair."""
        return True


@dataclass
class Owner:
    """A process that owns every partition of all tables."""

    process: Process
    agents: dict[str, TableAgent] = field(default_factory=dict)


class World:
    """Everything there is for one seed. ``bug`` is one of ``bugs.BUGS`` or nothing."""

    def __init__(self, seed: int, bug: str = "") -> None:
        self.rng = Random(seed)
        self.bug = bug
        self.scheduler = Scheduler(self.rng, START_MS)
        # No draw, so that a seed plays the same run of things with and without chains.
        self.chain_steps = seed % 2 == 1
        self.only = ONLY.get(seed % 10)
        self.partitions = self.rng.randint(1, 2)
        self.log = StampedLog(self.partitions, SimClock(self.scheduler))
        self.money = FencedTable(bug, foreign_timers=True)
        self.tables = {catalogue.RUN_EVENTS: FencedTable(bug), catalogue.COST_EVENTS: self.money}
        self.turns = seed % 10 in WITH_TURNS
        if self.turns:
            self.tables[catalogue.ADMISSIONS] = FencedTable(bug)
        self.billed: dict[str, int] = {}
        self.checkpoints = {topic: FencedCheckpoints(bug) for topic in self.tables}
        self.checkpoint_ms = self.rng.choice((40, 200, 1_500, 20_000))
        self.dumps: dict[tuple[str, int], object] = {}
        self.faults = Faults(self.rng, down=self.rng.choice((0, 0.03, 0.1)), lost=self.rng.choice((0, 0.03, 0.1)))
        self.mischief = self.rng.choice((0.004, 0.01, 0.03))
        self.processes: list[Process] = []
        self.owners: list[Owner] = []
        self.runs: dict[str, RunSubmitted] = {}
        self.clients = 0
        self.answers = 0
        self.starts = 0
        self.unanswered: dict[tuple[int, int], StepRequest] = {}
        self.views: list[RunView] | None = None
        self.submissions: dict[str, RunSubmitted] | None = None
        self.lane_at = dict.fromkeys(range(self.partitions), 0)
        self.worker: Process | None = None

    # The whole of it

    def play(self) -> bool:
        """Live through the faults, then run dry; ``False`` when the world never becomes dry."""
        asyncio._set_running_loop(self.scheduler.loop)
        try:
            return self._play()
        finally:
            asyncio._set_running_loop(None)

    def _play(self) -> bool:
        if self.turns:
            self.start_limits()
        self.start_owner()
        self.start_worker()
        for number in range(self.rng.randint(2, 4)):
            self.start_client(number)
        until = self.rng.randint(200, 700)
        while self.scheduler.steps < until and not self.dry():
            self.step()
            if self.rng.random() < self.mischief * (AT_CHECKPOINTS if self.saving() else 1):
                self.do_mischief()
        self.heal()
        while not self.dry():
            if self.scheduler.steps > MAX_STEPS:
                return False
            self.step()
        return True

    def step(self) -> None:
        """Let somebody go on; when all have nothing to do, let time pass up to the next thing."""
        self.scheduler.step()
        if self.consumed():
            timers = (due for table in self.tables.values() for due in table.timers())
            dues = [due for due in (self.scheduler.soonest_ms(), *timers) if due]
            self.scheduler.now_ms = max(self.scheduler.now_ms, min(dues, default=0))

    def consumed(self) -> bool:
        """Whether everything that is in the log is in the tables, and every request is with the worker."""
        owner = self.owners[-1]
        for topic, agent in owner.agents.items():
            owned = agent.partitions()
            for partition in range(self.partitions):
                one = owned.get(partition)
                if one is None or one.status is not Status.READY or one.committed != self.log.end(topic, partition):
                    return False
        return all(self.log.end(LANE, p) == at for p, at in self.lane_at.items())

    def saving(self) -> bool:
        """Whether the owner is in the middle of a checkpoint."""
        return any(self.owners[-1].process in checkpoints.writing for checkpoints in self.checkpoints.values())

    def dry(self) -> bool:
        """Whether nothing is left to happen."""
        if self.clients or self.unanswered or not self.owners or not self.consumed():
            return False
        return self.scheduler.only_idle() and not any(table.timers() for table in self.tables.values())

    # Who lives here

    def process(self, name: str) -> tuple[Process, Calls]:
        """Start a process."""
        process = Process(f"{name}{len(self.processes)}")
        self.processes.append(process)
        return process, Calls(self.scheduler, self.faults, process)

    def start_owner(self) -> None:
        """Start an owner of everything; the one before goes on as a zombie."""
        process, calls = self.process("owner")
        owner = Owner(process)
        self.owners.append(owner)
        rules = RULES.get(self.bug, RunFold)(chain_steps=self.chain_steps)
        spend = SPEND.get(self.bug, BudgetsFold)()
        self.start_agent(owner, calls, catalogue.RUN_EVENTS, rules, fire_run_timers)
        self.start_agent(owner, calls, catalogue.COST_EVENTS, spend, self.presume(calls))
        if self.turns:
            admissions = (GivenTwice if self.bug == "place_given_twice" else AdmissionsFold)()
            self.start_agent(owner, calls, catalogue.ADMISSIONS, admissions, fire_nothing)

    def presume(self, calls: Calls) -> Fire:
        """Return what makes settlements of holds that ended."""

        async def fire(partition: int, dues: Sequence[Due]) -> list[OutRecord]:
            members = [due.member for due in dues]
            return await calls.call("expired holds", lambda: self.money.expired(partition, members))

        return fire

    def start_agent(self, owner: Owner, calls: Calls, topic: str, fold: Fold, fire: Fire) -> None:
        """Start the owner's share in one table."""
        ports = Ports(
            table=SimTable(self.tables[topic], calls),
            log=SimLog(self.log, calls),
            checkpoints=SimCheckpoints(self.checkpoints[topic], calls),
            clock=SimClock(self.scheduler, owner.process),
        )
        tuning = Tuning(
            checkpoint_ms=self.checkpoint_ms,
            sweep_ms=4 * self.checkpoint_ms,
            memory_limit=self.rng.choice((2, 100)),
        )
        agent = owner.agents[topic] = TableAgent(TableSpec(topic=topic, fold=fold, fire=fire), ports, tuning=tuning)
        plant(self.bug, agent)
        self.scheduler.spawn(owner.process, self.drive(owner.process, agent, topic))

    async def drive(self, process: Process, agent: TableAgent, topic: str) -> None:
        """Do what the consumer does: poll what is wanted and hand it over."""
        positions = Positions()
        await agent.assigned({(topic, p) for p in range(self.partitions)}, positions)
        while True:
            records: dict[Partition, list[InRecord]] = {}
            for partition in sorted(agent.wanted()[0]):
                at = positions.at.get(partition, 0)
                found = self.log.slice(*partition, at, at + self.rng.randint(1, 12))
                if found:
                    records[partition] = found
                    positions.at[partition] = at + len(found)
            if records:
                await agent.handle(Poll(records))
            await self.scheduler.turn(process, "poll", 0 if records else 20, idle=not records)

    def start_client(self, number: int) -> None:
        """Start somebody who submits a run and may cancel it."""
        process, calls = self.process("client")
        spec = self.rng.choice(SPECS)
        run = submitted(self.only or spec, run_id=f"run-{number}")
        if self.turns and number != 2:
            run = structs.replace(run, turns=True)
        self.runs[run.run_id] = run
        self.clients += 1
        self.scheduler.spawn(process, self.client(process, SimLog(self.log, calls), run))

    def start_limits(self) -> None:
        """Limit how many runs run at once from the beginning, and start somebody who sets other limits."""
        with suppress(StopIteration):
            self.log.append([to_out(LimitsSet(org_id=ORG, version=1, **LIMITS[0]))]).send(None)
        process, calls = self.process("limits")
        self.clients += 1
        self.scheduler.spawn(process, self.set_limits(process, SimLog(self.log, calls)))

    async def set_limits(self, process: Process, log: SimLog) -> None:
        """Set one after the other, perhaps twice."""
        for version, limits in enumerate(LIMITS, 1):
            await self.scheduler.turn(process, "think", self.rng.choice((0, 50, 2_000)))
            await self.persist(process, log, [LimitsSet(org_id=ORG, version=version, **limits)])
        self.clients -= 1

    async def client(self, process: Process, log: SimLog, run: RunSubmitted) -> None:
        """Submit, and perhaps cancel."""
        await self.scheduler.turn(process, "think", self.rng.choice((0, 50, 2_000)))
        await self.persist(process, log, [run])
        for name in signal_names(run.spec.spec):
            await self.scheduler.turn(process, "think", self.rng.choice((0, 500, 3_000, 20_000)))
            said = {"run_id": run.run_id, "org_id": ORG, "name": name, "signal_id": "1"}
            await self.persist(process, log, [SignalReceived(**said, payload=inline("signal"))])
        if self.rng.random() < 0.15:
            await self.scheduler.turn(process, "think", self.rng.choice((0, 300, 3_000)))
            await self.persist(process, log, [CancelRequested(run_id=run.run_id, org_id=ORG)])
        self.clients -= 1

    async def persist(self, process: Process, log: SimLog, records: list[Record]) -> None:
        """Append until it is acknowledged, and perhaps once more."""
        again = self.rng.random() < 0.1
        while True:
            try:
                await log.append([to_out(record) for record in records])
            except Unavailable:
                await self.scheduler.turn(process, "retry", 50)
                continue
            if not again:
                return
            again = False

    # The worker

    def start_worker(self) -> None:
        """Start a worker; what the one before did not answer is delivered again."""
        self.worker, calls = self.process("worker")
        log = SimLog(self.log, calls)
        for place in list(self.unanswered):
            self.scheduler.spawn(self.worker, self.answer(calls, log, place))
        self.scheduler.spawn(self.worker, self.work(calls, log))

    async def work(self, calls: Calls, log: SimLog) -> None:
        """Take requests and answer each in its own time."""
        while True:
            for partition, at in self.lane_at.items():
                for record in self.log.slice(LANE, partition, at, self.log.end(LANE, partition)):
                    place = (partition, record.offset)
                    self.unanswered[place] = decode(LANE, record.value)
                    self.scheduler.spawn(calls.process, self.answer(calls, log, place))
                self.lane_at[partition] = self.log.end(LANE, partition)
            await self.scheduler.turn(calls.process, "fetch", 20, idle=True)

    async def answer(self, calls: Calls, log: SimLog, place: tuple[int, int]) -> None:
        """Answer one request and go on with what it carries: in time or late, once or twice, and not always alike."""
        request: StepRequest | None = self.unanswered[place]
        while request is not None:
            await self.scheduler.turn(calls.process, "work", self.rng.choice((0, 0, 10, 400, 3_000, 20 * MINUTE_MS)))
            after = None
            call = await self.paid(calls, log, request)
            for _ in range(2 if self.rng.random() < 0.1 else 1):
                *others, said = self.outcome(request, call)
                after, said = self.gone_on_with(request, said)
                await self.persist(calls.process, log, [*others, said])
            request = after
        self.unanswered.pop(place, None)

    def gone_on_with(self, request: StepRequest, said: Record) -> tuple[StepRequest | None, Record]:
        """Return what follows an answer, and the answer saying so. One in eight workers stops there."""
        if not request.continuation:
            return None, said
        if isinstance(said, StepSucceeded) and self.rng.random() < 0.875:
            after = next_request(request, said.output, said.cost_nano, self.scheduler.now_ms)
            if after is not None:
                return after, structs.replace(said, chain="continues")
        assert isinstance(said, StepSucceeded | StepFailed | StepDeferred)
        return None, structs.replace(said, chain="returned")

    async def paid(self, calls: Calls, log: SimLog, request: StepRequest) -> CallStarted:
        """Make the call of an attempt; another start of it is another call. The provider bills what it answered."""
        self.starts += 1
        call = self.start_of(request, self.starts)
        partition = partition_for(ORG.encode(), self.partitions)
        while not await self.held(calls, partition, call):
            await self.scheduler.turn(calls.process, "retry", 50)
        if self.bug != "unannounced":
            await self.persist(calls.process, log, [call])
        await self.scheduler.turn(calls.process, "call", self.rng.choice((0, 0, 100)))
        self.billed[call.call_id] = amount(request)
        return call

    async def held(self, calls: Calls, partition: int, call: CallStarted) -> bool:
        """Hold what a call may cost."""
        try:
            return await calls.call("hold", lambda: self.money.hold(partition, entry_of(call)))
        except Unavailable:
            return False

    def start_of(self, request: StepRequest, number: int) -> CallStarted:
        """Return the start of an attempt's call."""
        return CallStarted(
            call_id=call_id(request.request_id, number),
            org_id=ORG,
            run_id=request.run_id,
            step_id=request.step_id,
            workflow_name=request.workflow_name,
            provider="local",
            model="m",
            amount_nano=2 * amount(request),
            booked_at_ms=START_MS,
            expires_at_ms=self.scheduler.now_ms + HOLD_MS,
            price_version="1",
        )

    def outcome(self, request: StepRequest, call: CallStarted) -> list[Record]:
        """Return what a worker says of an attempt, with what it did cost."""
        self.answers += 1
        now = self.scheduler.now_ms
        said: dict[str, Any] = {
            "run_id": request.run_id,
            "org_id": request.org_id,
            "step_id": request.step_id,
            "attempt": request.attempt,
        }
        at = self.rng.random()
        if at < 0.08 and request.deferral < 2:
            until = now + self.rng.choice((0, 500))
            deferred = StepDeferred(**said, until_ms=until, reason="budget", deferral=request.deferral + 1)
            return [*self.settlements(request, call), deferred]
        costs = self.settlements(request, call)
        said |= {"started_at_ms": now, "finished_at_ms": now, "cost_nano": amount(request)}
        said["args_hash"] = request.args_hash
        if at < 0.25:
            error = ErrorInfo(code="boom", message="it failed", retryable=at < 0.22)
            return [*costs, StepFailed(**said, error=error)]
        calls = [ToolUse(id="1", name="t"), ToolUse(id="2", name="u")] if request.step_id.endswith("/turn-1") else []
        return [*costs, StepSucceeded(**said, output=inline(self.answers), tool_calls=calls)]

    def settlements(self, request: StepRequest, call: CallStarted) -> list[Record]:
        """Return the settlements of an attempt's call: an estimate, the real cost, or both."""
        presumed = call.presumed()
        actual = structs.replace(presumed, kind="actual", amount_nano=amount(request))
        return [presumed if kind == "presumed" else actual for kind in self.rng.choice(SETTLED_AS)]

    # Mischief

    def do_mischief(self) -> None:
        """Do one thing that must not matter. Zombies are soon woken, and what they did is soon looked for."""
        one = self.rng.choice(
            (
                *(self.crash, self.crash, self.replace, self.replace, self.freeze, self.skip),
                *(self.flush, self.lose, self.lose, self.compact, self.dump, self.rewind),
                *(self.of_zombies() * 4),
            )
        )
        self.scheduler.note(one.__name__)
        one()

    def of_zombies(self) -> tuple[Callable[[], None], ...]:
        """Return what shows a zombie's work: to wake it, and when it was awake, to restore what it may have written."""
        zombies = [owner.process for owner in self.owners[:-1] if owner.process.alive]
        if any(zombie.stopped for zombie in zombies):
            return (self.freeze,)
        return (self.lose,) if zombies else ()

    def crash(self) -> None:
        """Kill an owner or the worker. Somebody takes its place."""
        victim = self.rng.choice([self.worker, *(o.process for o in self.owners if o.process.alive)])
        assert victim is not None
        self.scheduler.kill(victim)
        if victim is self.worker:
            self.start_worker()
        elif victim is self.owners[-1].process:
            self.start_owner()

    def replace(self) -> None:
        """Start another owner. At most one zombie stays, stopped in its tracks or not."""
        for owner in self.owners[:-1]:
            if owner.process.alive:
                self.scheduler.kill(owner.process)
        self.owners[-1].process.stopped = self.rng.random() < 0.6
        self.start_owner()

    def freeze(self) -> None:
        """Stop a process, or let all that are stopped go on."""
        stopped = [p for p in self.processes if p.stopped]
        for process in stopped or [self.rng.choice([p for p in self.processes if p.alive])]:
            process.stopped = not process.stopped

    def flush(self) -> None:
        """Lose a partition of a table."""
        topic, partition = self.some_partition()
        self.tables[topic].forget(partition)

    def lose(self) -> None:
        """Lose a partition of a table and all of its log that its checkpoint stands for."""
        topic, partition = self.some_partition()
        records = self.checkpoints[topic].records(partition)
        marker = marker_of(records[-1]) if records else None
        self.tables[topic].forget(partition)
        self.dumps.pop((topic, partition), None)
        if marker is not None:
            self.log.truncate(topic, partition, marker.offset)

    def compact(self) -> None:
        """Let the log's own cleaner come by."""
        topic, partition = self.some_partition()
        self.checkpoints[topic].compact(partition)

    def dump(self) -> None:
        """Save a partition of a table."""
        topic, partition = self.some_partition()
        self.dumps[topic, partition] = self.tables[topic].copy(partition)

    def rewind(self) -> None:
        """Bring a partition of a table back from its last dump, if there is one."""
        topic, partition = self.some_partition()
        if (topic, partition) in self.dumps:
            self.tables[topic].put_back(partition, self.dumps[topic, partition])

    def some_partition(self) -> tuple[str, int]:
        """Return a table's topic and one of its partitions."""
        return self.rng.choice(list(self.tables)), self.rng.randrange(self.partitions)

    def skip(self) -> None:
        """Let time pass."""
        self.scheduler.now_ms += self.rng.choice((100, 5_000, 16 * MINUTE_MS))

    def heal(self) -> None:
        """End all faults; a fresh owner and nobody beside it."""
        self.faults.on = False
        for process in self.processes:
            process.stopped = False
        for owner in self.owners:
            if owner.process.alive:
                self.scheduler.kill(owner.process)
        self.start_owner()


def amount(request: StepRequest) -> int:
    """Return what an attempt costs, in nano-dollars: the same whoever says it."""
    return 1 + zlib.crc32(request.request_id.encode()) % 1_000
