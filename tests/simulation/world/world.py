"""A small world for one seed: owners of all tables, a worker, clients, and mischief until it is told to stop."""

import asyncio
from random import Random

from schemas.records.run_events import RunSubmitted
from streams.runtime.table.partition import Status
from tests.simulation.ports.audit import AuditLogs
from tests.simulation.ports.calls import Calls, Faults, SimClock
from tests.simulation.ports.checkpoints import FencedCheckpoints
from tests.simulation.ports.log import StampedLog
from tests.simulation.ports.table import FencedTable
from tests.simulation.scheduler import Process, Scheduler
from tests.simulation.world.clients import Clients
from tests.simulation.world.days import DAY_MS, Days
from tests.simulation.world.flow import gates_of
from tests.simulation.world.mischief import Mischief
from tests.simulation.world.owners import Owners
from tests.simulation.world.subjects import Persons
from tests.simulation.world.worker import LANE, Worker
from tests.simulation.world.workflows import (
    ONLY,
    WITH_ARMS,
    WITH_ASKS,
    WITH_AUDIT,
    WITH_BUDGETS,
    WITH_FAILOVERS,
    WITH_FLOW,
    WITH_LABELS,
    WITH_POISON,
    WITH_ROLLOUTS,
    WITH_SCORES,
    WITH_SUBJECTS,
    WITH_TURNS,
)
from tests.support.runs import START_MS
from topics import catalogue

#: How much more often mischief strikes in the middle of a checkpoint, which is rare enough.
AT_CHECKPOINTS = 4
#: So a day ends in the middle of it.
BEFORE_MIDNIGHT_MS = START_MS // DAY_MS * DAY_MS + DAY_MS - 2_000
#: The run on which the fold fails, in worlds that have one, until an operator releases it.
POISON = "run-0"
#: More steps than any seed needs by far; a world that is not dry by then never will be.
MAX_STEPS = 60_000


class World:
    """Everything there is for one seed. ``bug`` is a mistake that production code has not, or nothing.

    ``breaches`` are what was seen that must never happen. ``healed_ms`` is when the faults ended: from then on
    whatever is due happens at once. ``poison`` is the run on which the fold fails now.
    """

    def __init__(self, seed: int, bug: str = "") -> None:
        self.rng = Random(seed)
        self.bug = bug
        self.scheduler = Scheduler(self.rng, BEFORE_MIDNIGHT_MS if seed % 4 == 0 else START_MS)
        # No draw, so that a seed plays the same run of things with and without chains.
        self.chain_steps = seed % 2 == 1
        self.only = ONLY.get(seed % 10)
        self.turns = seed % 10 in WITH_TURNS
        self.gates = gates_of(seed) if seed % 20 == WITH_FLOW else ()
        self.fails_over = seed % 20 == WITH_FAILOVERS
        self.budgets = seed % 20 in WITH_BUDGETS
        self.rolls_out = seed % 20 == WITH_ROLLOUTS
        self.armed = seed % 20 == WITH_ARMS
        self.scores = seed % 20 == WITH_SCORES
        self.asks = seed % 40 == WITH_ASKS
        self.labelled = seed % 20 in WITH_LABELS
        self.audited = seed % 20 == WITH_AUDIT
        self.sealed, self.persons = seed % 80 in WITH_SUBJECTS, Persons()
        self.poison = POISON if seed % 10 == WITH_POISON else ""
        self.was_poisoned = self.poison
        self.partitions = self.rng.randint(1, 2)
        self.log = StampedLog(self.partitions, SimClock(self.scheduler))
        self.money = FencedTable(bug, foreign_timers=True)
        self.tables = {catalogue.RUN_EVENTS: FencedTable(bug), catalogue.COST_EVENTS: self.money}
        if self.turns:
            self.tables[catalogue.ADMISSIONS] = FencedTable(bug)
        if self.rolls_out:
            self.tables[catalogue.DEPLOYMENT_OUTCOMES] = FencedTable(bug)
        if self.scores:
            self.tables[catalogue.QUALITY_SCORES] = FencedTable(bug)
        self.audit, self.audit_at = AuditLogs(), dict.fromkeys(range(self.partitions), 0)
        self.checkpoints = {topic: FencedCheckpoints(bug) for topic in self.tables}
        self.checkpoint_ms = self.rng.choice((40, 200, 1_500, 20_000))
        if self.fails_over:
            self.checkpoint_ms = 40  # a checkpoint is newer than the replica more often than not
        self.faults = Faults(self.rng, down=self.rng.choice((0, 0.03, 0.1)), lost=self.rng.choice((0, 0.03, 0.1)))
        self.processes: list[Process] = []
        self.runs: dict[str, RunSubmitted] = {}
        self.breaches: list[str] = []
        self.healed_ms = self.scheduler.now_ms
        self.owners = Owners(self)
        self.clients = Clients(self)
        self.worker = Worker(self)
        self.mischief = Mischief(self)
        self.days = Days(self)

    def play(self) -> bool:
        """Live through the faults, then run dry; ``False`` when the world never becomes dry."""
        asyncio._set_running_loop(self.scheduler.loop)
        try:
            return self._play()
        finally:
            asyncio._set_running_loop(None)

    def _play(self) -> bool:
        if self.turns and not self.gates:
            self.clients.start_limits()
        if self.budgets:
            self.clients.start_budgets()
        if self.rolls_out:
            self.clients.start_rollout()
        if self.scores:
            self.clients.start_scores()
        if self.audited:
            self.clients.start_audit()
        self._start_erasure()
        self.owners.start()
        self.worker.start()
        for number in range(self.rng.randint(2, 4)):
            self.clients.start(number)
        self._live_through_faults()
        self._heal()
        dry = self._run_dry()
        if self.poison:
            self._repair()
            return dry and self._run_dry()
        for days, share in ((self.days.pass_soon, 0.35), (self.days.pass_all, 0.15)):
            if dry and self.rng.random() < share:
                days()
                dry = self._run_dry()
        return dry

    def _start_erasure(self) -> None:
        if self.sealed:
            self.clients.start_erasure()

    def _live_through_faults(self) -> None:
        mischief = self.rng.choice((0.004, 0.01, 0.03)) * (4 if self.armed else 3 if self.fails_over else 1)
        until = self.rng.randint(200, 700)
        while self.scheduler.steps < until and not self._dry():
            self._step()
            if self.rng.random() < mischief * (AT_CHECKPOINTS if self._saving() else 1):
                self.mischief.strike()

    def _heal(self) -> None:
        """End all faults; a fresh owner and nobody beside it."""
        self.faults.on = False
        for process in self.processes:
            process.stopped = False
        for owner in self.owners.all:
            if owner.process.alive:
                self.scheduler.kill(owner.process)
        self.owners.start()
        self.healed_ms = self.scheduler.now_ms

    def _repair(self) -> None:
        """Deploy what does not fail any more, and release the run that was set aside."""
        released, self.poison = self.poison, ""
        self.clients.start_releasing(released)
        self.healed_ms = self.scheduler.now_ms

    def _run_dry(self) -> bool:
        while not self._dry():
            if self.scheduler.steps > MAX_STEPS:
                return False
            self._step()
        return True

    def _step(self) -> None:
        """Let somebody go on; when all have nothing to do, let time pass up to the next thing."""
        self.scheduler.step()
        if self._consumed():
            timers = (due for table in self.tables.values() for due in table.timers())
            dues = [due for due in (self.scheduler.soonest_ms(), *timers) if due]
            self.scheduler.now_ms = max(self.scheduler.now_ms, min(dues, default=0))

    def _consumed(self) -> bool:
        """Whether everything that is in the log is in the tables, and every request is with the worker."""
        for topic, agent in self.owners.last.agents.items():
            owned = agent.partitions()
            for partition in range(self.partitions):
                one = owned.get(partition)
                if one is None or one.status is not Status.READY or one.committed != self.log.end(topic, partition):
                    return False
        if self.audited and any(self.log.end(catalogue.AUDIT_EVENTS, p) > at for p, at in self.audit_at.items()):
            return False
        return all(self.log.end(LANE, p) == at for p, at in self.worker.lane_at.items())

    def _saving(self) -> bool:
        """Whether the owner is in the middle of a checkpoint."""
        return any(self.owners.last.process in checkpoints.writing for checkpoints in self.checkpoints.values())

    def _dry(self) -> bool:
        """Whether nothing is left to happen."""
        if self.clients.busy or self.worker.unanswered or not self._consumed():
            return False
        return self.scheduler.only_idle() and not any(table.timers() for table in self.tables.values())

    def process(self, name: str) -> tuple[Process, Calls]:
        """Start a process."""
        process = Process(f"{name}{len(self.processes)}")
        self.processes.append(process)
        return process, Calls(self.scheduler, self.faults, process)
