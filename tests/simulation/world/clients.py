"""Clients: they submit runs, send signals, cancel, and set limits; each perhaps says a thing twice."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING, Any

from msgspec import structs

from connectors.ports.engine import OutRecord
from schemas.budgets import PROJECT_TAG
from schemas.errors import Unavailable
from schemas.payload import inline
from schemas.records.admissions import LimitsSet
from schemas.records.base import Record
from schemas.records.control import KeyReleased
from schemas.records.run_events import CancelRequested, RunSubmitted, SignalReceived
from schemas.records.security.pinned import Question
from schemas.records.steps import StepRequest
from streams.runtime.routing import to_out
from tests.simulation.ports.log import SimLog
from tests.simulation.scheduler import Process
from tests.simulation.world import arms, asks, audit, flow, labels, quality, rollouts, subjects
from tests.simulation.world.budgets import DEFINITIONS, OPENED, opening
from tests.simulation.world.workflows import MINUTE_MS, SPECS
from tests.support.runs import ORG, submitted
from topics import catalogue
from topics.codec import encode

if TYPE_CHECKING:
    from tests.simulation.world.world import World

#: The project of all runs.
PROJECT = "web"
#: What is set one after the other: at any time one run has its turn at most, and in the end one may have it.
LIMITS: tuple[dict[str, Any], ...] = (
    {"max_running_runs": 1},
    {"max_running_runs": 2, "workflows": {"flow": 1}},
    {"projects": {PROJECT: 1}},
    {"workflows": {"flow": 0}},
    {"max_running_runs": 1, "workflows": {"other": 0}, "projects": {"other": 0}},
)
#: Caps and deadlines of runs, most have none.
CAPS = (None, None, None, None, None, None, 300, 1_500)
DEADLINES = (*[None] * 8, 2_000, 10 * MINUTE_MS)


class Clients:
    """Starts clients. ``busy`` is how many have something left to say."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.busy = 0

    def start(self, number: int) -> None:
        """Start somebody who submits a run and may cancel it."""
        world = self._world
        process, calls = world.process("client")
        run = submitted(
            world.only or world.rng.choice(SPECS),
            run_id=f"run-{number}",
            submitted_at_ms=world.scheduler.now_ms,
            budget_nano=world.rng.choice(CAPS),
            deadline_ms=world.rng.choice(DEADLINES),
        )
        if world.armed:
            run = arms.armed(run, number)
        if world.asks:
            run = asks.asking(run)
        if world.labelled:
            run = labels.labelled(run, number, chains=world.chain_steps)
        if world.sealed:
            run = subjects.subjected(run, number, chains=world.chain_steps)
        if world.gates:
            run = flow.gated(run, world.gates, number)
        elif world.turns and number != 2:
            run = structs.replace(run, turns=True, tags={PROJECT_TAG: PROJECT})
        world.runs[run.run_id] = run
        self.busy += 1
        world.scheduler.spawn(process, self._submit(process, SimLog(world.log, calls), run))

    def start_limits(self) -> None:
        """Limit how many runs run at once from the beginning, and start somebody who sets other limits."""
        world = self._world
        with suppress(StopIteration):
            world.log.append([to_out(LimitsSet(org_id=ORG, version=1, **LIMITS[0]))]).send(None)
        process, calls = world.process("limits")
        self.busy += 1
        world.scheduler.spawn(process, self._set_limits(process, SimLog(world.log, calls)))

    def start_budgets(self) -> None:
        """Start somebody who defines budgets, changes and removes some, and tells what was spent before."""
        process, calls = self._world.process("budgets")
        self.busy += 1
        self._world.scheduler.spawn(process, self._define_budgets(process, SimLog(self._world.log, calls)))

    def start_scores(self) -> None:
        """Start those who score live answers."""
        process, calls = self._world.process("scores")
        self.busy += 1
        saying = self._say_together(process, SimLog(self._world.log, calls), quality.said)
        self._world.scheduler.spawn(process, saying)

    def start_audit(self) -> None:
        """Start those whose acts are recorded."""
        process, calls = self._world.process("acts")
        self.busy += 1
        saying = self._say_together(process, SimLog(self._world.log, calls), audit.said)
        self._world.scheduler.spawn(process, saying)

    def start_erasure(self) -> None:
        """Start somebody who erases a person, and cancels the runs that are known then."""
        process, calls = self._world.process("erasure")
        self.busy += 1
        self._world.scheduler.spawn(process, self._erase(process, SimLog(self._world.log, calls)))

    async def _erase(self, process: Process, log: SimLog) -> None:
        person = subjects.PERSONS[0]
        await self._think(process, (0, 400, 2_000, 8_000))
        self._world.persons.erased.add(person)
        known = [run for run in self._world.runs.values() if run.subject == person]
        if self._world.rng.random() < 0.5:
            await self.persist(process, log, [CancelRequested(run_id=run.run_id, org_id=ORG) for run in known])
        self.busy -= 1

    def start_rollout(self) -> None:
        """Start those who say what becomes of a rollout."""
        process, calls = self._world.process("rollout")
        self.busy += 1
        saying = self._say_together(process, SimLog(self._world.log, calls), rollouts.said)
        self._world.scheduler.spawn(process, saying)

    async def _say_together(self, process: Process, log: SimLog, said: Callable[[Random], list[Record]]) -> None:
        """Say all in order, several at a time."""
        records = said(self._world.rng)
        while records:
            await self._think(process, (0, 20, 200))
            together = self._world.rng.randint(4, 20)
            await self.persist(process, log, records[:together])
            del records[:together]
        self.busy -= 1

    async def _define_budgets(self, process: Process, log: SimLog) -> None:
        for told in DEFINITIONS:
            await self._think(process, (0, 50, 2_000, 20_000))
            await self.persist(process, log, [told])
        for budget_id in OPENED:
            await self._think(process, (50, 2_000, 60_000))
            opened = None
            while opened is None:
                await self._think(process, (500,))
                opened = opening(self._world.log.everything(catalogue.COST_EVENTS), budget_id)
            await self.persist(process, log, [opened])
        self.busy -= 1

    def start_answering(self, request: StepRequest, asked: Question) -> None:
        """Start somebody who answers what a step asks."""
        process, calls = self._world.process("person")
        self.busy += 1
        answering = asks.answer(self._world, process, SimLog(self._world.log, calls), request, asked)
        self._world.scheduler.spawn(process, answering)

    def start_saying(self, records: list[Record]) -> None:
        """Start somebody who says these things, in order."""
        process, calls = self._world.process("late")
        self.busy += 1
        self._world.scheduler.spawn(process, self._say(process, SimLog(self._world.log, calls), records))

    def start_releasing(self, key: str) -> None:
        """Start an operator who releases a quarantined run."""
        process, calls = self._world.process("operator")
        self.busy += 1
        self._world.scheduler.spawn(process, self._release(SimLog(self._world.log, calls), key))

    async def _release(self, log: SimLog, key: str) -> None:
        await log.append([OutRecord(catalogue.RUN_EVENTS, key.encode(), encode(KeyReleased(key=key)))])
        self.busy -= 1

    async def _say(self, process: Process, log: SimLog, records: list[Record]) -> None:
        for record in records:
            await self.persist(process, log, [record])
        self.busy -= 1

    async def _set_limits(self, process: Process, log: SimLog) -> None:
        """Set one after the other, perhaps twice."""
        for version, limits in enumerate(LIMITS, 1):
            await self._think(process, (0, 50, 2_000))
            await self.persist(process, log, [LimitsSet(org_id=ORG, version=version, **limits)])
        self.busy -= 1

    async def _submit(self, process: Process, log: SimLog, run: RunSubmitted) -> None:
        """Submit, send a signal for each step that waits for one, and perhaps cancel."""
        await self._think(process, (0, 50, 2_000))
        await self.persist(process, log, [run])
        signals = [node.config for node in run.spec.spec.dag.nodes if node.type == "signal"]
        for number, signal in enumerate(signals, 1):
            await self._think(process, (0, 500, 3_000, 20_000))
            said = {"run_id": run.run_id, "org_id": ORG, "name": signal.name, "signal_id": str(number)}
            await self.persist(process, log, [SignalReceived(**said, payload=inline(f"signal {number}"))])
        if self._world.rng.random() < 0.15:
            await self._think(process, (0, 300, 3_000))
            await self.persist(process, log, [CancelRequested(run_id=run.run_id, org_id=ORG)])
        self.busy -= 1

    async def _think(self, process: Process, times_ms: tuple[int, ...]) -> None:
        await self._world.scheduler.turn(process, "think", self._world.rng.choice(times_ms))

    async def persist(self, process: Process, log: SimLog, records: list[Record]) -> None:
        """Append until it is acknowledged, and perhaps once more."""
        again = self._world.rng.random() < 0.1
        while True:
            try:
                await log.append([to_out(record) for record in records])
            except Unavailable:
                await self._world.scheduler.turn(process, "retry", 50)
                continue
            if not again:
                return
            again = False
