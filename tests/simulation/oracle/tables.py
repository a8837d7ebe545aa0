"""The tables: nothing is set aside, nobody commits who may not, and the log gives the very table that is there."""

from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from typing import Any

from connectors.memory.checkpoints import MemoryCheckpoints
from connectors.memory.engine import ManualClock
from connectors.ports.engine import Bounds, InRecord, OutRecord
from streams.core.admissions.fold import AdmissionsFold
from streams.core.budgets.fold import BudgetsFold
from streams.core.deployments.fold import DeploymentsFold
from streams.core.quality.fold import QualityFold
from streams.core.runs.fold import RunFold
from streams.core.state import Fold
from streams.runtime.table.engine import Engine
from streams.runtime.table.partition import OwnedPartition
from streams.runtime.table.quarantine import ENTITY as QUARANTINE
from streams.runtime.table.spec import Ports, TableSpec
from streams.runtime.table.takeover import Takeover
from tests.simulation.ports.log import StampedLog
from tests.simulation.ports.table import FencedTable
from tests.simulation.world.world import World
from topics import catalogue


def check(world: World) -> Iterator[str]:
    """Yield what is wrong with the tables."""
    yield from set_aside(world)
    yield from unfenced(world)
    yield from replays(world)


def set_aside(world: World) -> list[str]:
    """Nothing is quarantined in the end, and nothing is a dead letter but what was."""
    keys = [
        (topic, partition, key)
        for topic, table in world.tables.items()
        for partition in range(world.partitions)
        for key in table.entity(partition, QUARANTINE)
    ]
    dead = [r for topic in world.tables for r in world.log.everything(catalogue.dlq(topic))]
    return [f"quarantined: {keys}"] * bool(keys) + [f"{len(dead)} dead letters"] * bool(dead and not world.was_poisoned)


def unfenced(world: World) -> list[str]:
    """No owner commits, or fires timers, after it lost its partition; no hold is given that was not to be given."""
    return [*world.breaches, *(breach for table in world.tables.values() for breach in table.breaches)]


def replays(world: World) -> list[str]:
    """The log, folded from its start, gives the very table that is there.

    Of what ended a checkpoint keeps only what is lasting, and of what has left nothing.
    """
    found = []
    folds: dict[str, Fold] = {
        catalogue.RUN_EVENTS: RunFold(),
        catalogue.COST_EVENTS: BudgetsFold(),
        catalogue.ADMISSIONS: AdmissionsFold(),
        catalogue.DEPLOYMENT_OUTCOMES: DeploymentsFold(),
        catalogue.QUALITY_SCORES: QualityFold(),
    }
    for topic, table in world.tables.items():
        for partition in range(world.partitions):
            # What was released was folded after what came between, as no replay does that has nothing to set aside.
            is_other = topic == catalogue.RUN_EVENTS and world.was_poisoned
            if not is_other and table.bug not in ("timer_by_clock", "settled_forgotten", "place_given_twice"):
                again = FencedTable()
                _finish(_restore(world, topic, folds[topic], again, partition))
                if _lasting(world, again, again, folds[topic], partition) != _lasting(
                    world, table, again, folds[topic], partition
                ):
                    found.append(f"{topic}/{partition} is another one when it is replayed")
    return found


def _lasting(world: World, table: FencedTable, whole: FencedTable, fold: Fold, partition: int) -> object:
    """Return a table's contents without what a checkpoint may have left out; ``whole`` knows what ended."""
    entities, timers, position = table.contents(partition)
    gone_ms = 0 if position is None else position.clock_ms
    if world.days.left_ms:
        # A replay lets all leave as much later as the last record is ago.
        gone_ms = world.days.left_ms + max(0, world.scheduler.now_ms - gone_ms)
    for entity, at_ms in whole.ended(partition).items():
        if at_ms <= gone_ms:
            entities.pop(entity, None)
        elif entity in entities:
            lasting = set(fold.lasting(entity, whole.entity(partition, entity)))
            entities[entity] = {name: data for name, data in entities[entity].items() if name in lasting}
    return entities, timers, position


class _SilentLog:
    """The whole log for a reader, whatever was lost of it since: what is appended goes nowhere."""

    def __init__(self, log: StampedLog) -> None:
        self._log = log
        self.incarnation = log.incarnation

    async def bounds(self, topic: str, partition: int) -> Bounds:
        """Return the bounds of all that ever was."""
        return Bounds(0, self._log.end(topic, partition))

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[list[InRecord]]:
        """Yield records."""
        yield self._log.slice(topic, partition, start, end)

    async def append(self, records: Sequence[OutRecord]) -> None:
        """Drop what a restore says is outstanding."""


async def _restore(world: World, topic: str, fold: Fold, table: FencedTable, partition: int) -> None:
    def give_up(owned: OwnedPartition) -> None:
        raise AssertionError(f"a replay lost its partition: {owned.why}")

    ports = Ports(
        table=table,
        log=_SilentLog(world.log),
        checkpoints=MemoryCheckpoints(),
        clock=ManualClock(world.scheduler.now_ms),
    )
    engine = Engine(TableSpec(topic=topic, fold=fold), ports, on_lost=give_up, on_gap=give_up)
    takeover = Takeover(engine, ports.checkpoints, memory_limit=1_000, restore_grace_ms=0)
    await takeover.take(takeover.new(partition))


def _finish(coro: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that waits for nobody to its end."""
    try:
        while True:
            coro.send(None)
    except StopIteration:
        return
