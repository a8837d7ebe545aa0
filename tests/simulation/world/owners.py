"""Owners of all tables: processes that run the engine, one after the other or one beside a zombie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from connectors.ports.engine import Due, InRecord, OutRecord
from schemas.errors import Unavailable
from schemas.records.run_events import RunEvent
from streams.core.admissions.fold import AdmissionsFold
from streams.core.budgets.fold import BudgetsFold
from streams.core.commands import Command
from streams.core.deployments.fold import DeploymentsFold
from streams.core.quality.fold import QualityFold
from streams.core.runs.fold import RunFold
from streams.core.state import Fold, State
from streams.roles.audit import AuditSink, open_record
from streams.runtime.consumer.poll import Partition, Poll
from streams.runtime.table.agent import TableAgent
from streams.runtime.table.partition import Status
from streams.runtime.table.spec import Ports, TableSpec, Tuning
from streams.runtime.table.timers import Fire, fire_flow_timers, fire_nothing, fire_run_timers
from tests.simulation.mutants.classes import RULES, SPEND, TURNS, plant
from tests.simulation.ports.audit import SimAuditLogs
from tests.simulation.ports.calls import Calls, SimClock
from tests.simulation.ports.checkpoints import SimCheckpoints
from tests.simulation.ports.log import SimLog
from tests.simulation.ports.table import LEASE_MS, SimTable
from tests.simulation.scheduler import Process
from tests.simulation.world.audit import KEY
from topics import catalogue

if TYPE_CHECKING:
    from tests.simulation.world.world import World

#: A sweep reads all of a checkpoint, so one that comes too often is all that happens.
SWEEP_MS = 3_000
#: How long a restored table of budgets gives no holds, as its role says.
GRACE_MS = 2 * LEASE_MS


class Positions:
    """The ``Control`` of a simulated consumer."""

    def __init__(self) -> None:
        self.at: dict[Partition, int] = {}

    def seek(self, partition: Partition, offset: int) -> None:
        """Read from there."""
        self.at[partition] = offset

    def wake(self) -> None:
        """Nobody sleeps long here."""

    def left_open(self, partition: Partition) -> bool:
        return False

    def end(self, partition: Partition) -> int:
        return 0

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


class Poisoned(RunFold):
    """Fails on every event of one run, until it is repaired."""

    def __init__(self, world: World) -> None:
        super().__init__(chain_steps=world.chain_steps)
        self._world = world

    def fold(self, state: State, event: RunEvent, now_ms: int, offset: int) -> list[Command]:
        """Raise, or fold."""
        if event.run_id == self._world.poison:
            raise RuntimeError("it is not repaired yet")
        return super().fold(state, event, now_ms, offset)


class Owners:
    """Starts owners. The last one is who really owns; at most one zombie is beside it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.all: list[Owner] = []

    @property
    def last(self) -> Owner:
        """The owner."""
        return self.all[-1]

    def start(self) -> None:
        """Start an owner of everything; the one before goes on as a zombie."""
        world = self._world
        process, calls = world.process("owner")
        owner = Owner(process)
        self.all.append(owner)
        rules = RULES.get(world.bug, RunFold)(chain_steps=world.chain_steps)
        if world.poison:
            rules = Poisoned(world)
        spend = SPEND.get(world.bug, BudgetsFold)()
        self._start_agent(owner, calls, catalogue.RUN_EVENTS, rules, fire_run_timers)
        self._start_agent(owner, calls, catalogue.COST_EVENTS, spend, self._presume(calls))
        if world.turns:
            admissions = TURNS.get(world.bug, AdmissionsFold)()
            self._start_agent(owner, calls, catalogue.ADMISSIONS, admissions, fire_flow_timers)
        if world.rolls_out:
            self._start_agent(owner, calls, catalogue.DEPLOYMENT_OUTCOMES, DeploymentsFold(), fire_nothing)
        if world.scores:
            self._start_agent(owner, calls, catalogue.QUALITY_SCORES, QualityFold(), fire_nothing)
        if world.audited:
            world.scheduler.spawn(process, self._chain_audit(process, calls))

    def _start_agent(self, owner: Owner, calls: Calls, topic: str, fold: Fold, fire: Fire) -> None:
        """Start the owner's share in one table."""
        world = self._world
        spec = TableSpec(
            topic=topic,
            fold=fold,
            fire=self._watched(owner, topic, fire),
            grace_ms=GRACE_MS if topic == catalogue.COST_EVENTS else 0,
        )
        ports = Ports(
            table=SimTable(world.tables[topic], calls),
            log=SimLog(world.log, calls),
            checkpoints=SimCheckpoints(world.checkpoints[topic], calls),
            clock=SimClock(world.scheduler, owner.process),
        )
        tuning = Tuning(
            memory_limit=world.rng.choice((2, 100)),
            checkpoint_ms=world.checkpoint_ms,
            sweep_ms=max(SWEEP_MS, 4 * world.checkpoint_ms),
        )
        agent = owner.agents[topic] = TableAgent(spec, ports, tuning=tuning)
        plant(world.bug, agent)
        world.scheduler.spawn(owner.process, self._drive(owner.process, agent, topic))

    def _watched(self, owner: Owner, topic: str, fire: Fire) -> Fire:
        """Note a breach when timers fire in a partition that their owner knows to have lost."""

        async def watched(partition: int, dues: list[Due]) -> list[OutRecord]:
            mine = owner.agents[topic].partitions().get(partition)
            if mine is None or mine.status is not Status.READY:
                self._world.breaches.append(f"{owner.process.name} lost {topic}/{partition} and fires its timers")
            return await fire(partition, dues)

        return watched

    def _presume(self, calls: Calls) -> Fire:
        """Return what makes settlements of holds that ended."""

        async def fire(partition: int, dues: Sequence[Due]) -> list[OutRecord]:
            members = [due.member for due in dues]
            return await calls.call("expired holds", lambda: self._world.money.expired(partition, members))

        return fire

    async def _chain_audit(self, process: Process, calls: Calls) -> None:
        """Do what the sink of the role does: write what is read until it is written, then move the group's offset."""
        world = self._world
        store = SimAuditLogs(world.audit, calls)
        sink = AuditSink(store, KEY, SimLog(world.log, calls).append, lambda _effect, _count: None)
        places = dict(world.audit_at)
        while True:
            idle = True
            for partition, at in places.items():
                found = world.log.slice(catalogue.AUDIT_EVENTS, partition, at, at + world.rng.randint(1, 40))
                if not found:
                    continue
                idle = False
                try:
                    await sink.write([(record, open_record(record)) for record in found])
                except Unavailable:
                    continue
                places[partition] = at + len(found)
                await calls.turn("audit offset")
                world.audit_at[partition] = max(world.audit_at[partition], places[partition])
            await world.scheduler.turn(process, "poll audit", 0 if not idle else 20, idle=idle)

    async def _drive(self, process: Process, agent: TableAgent, topic: str) -> None:
        """Do what the consumer does: poll what is wanted and hand it over."""
        world, positions = self._world, Positions()
        await agent.assigned({(topic, p) for p in range(world.partitions)}, positions)
        while True:
            records: dict[Partition, list[InRecord]] = {}
            for partition in sorted(agent.wanted()[0]):
                at = positions.at.get(partition, 0)
                found = world.log.slice(*partition, at, at + world.rng.randint(1, 12))
                if found:
                    records[partition] = found
                    positions.at[partition] = at + len(found)
            if records:
                await agent.handle(Poll(records))
            await world.scheduler.turn(process, "poll", 0 if records else 20, idle=not records)
