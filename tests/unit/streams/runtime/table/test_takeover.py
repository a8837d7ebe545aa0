"""Taking a partition that another owner took in between: the group decides whose it is."""

from connectors.memory.checkpoints import MemoryCheckpoints
from connectors.memory.engine import ManualClock, MemoryLog, MemoryTable
from connectors.ports.engine import Taken
from streams.core.runs.fold import RunFold
from streams.runtime.table.engine import Engine
from streams.runtime.table.partition import OwnedPartition, Status
from streams.runtime.table.spec import Ports, TableSpec
from streams.runtime.table.takeover import Confirms, Takeover
from topics.catalogue import RUN_EVENTS


class Contested(MemoryTable):
    """Another owner takes the partition right after the first take of it."""

    takes = 0

    async def take(self, partition: int, incarnation: str) -> Taken:
        taken = await super().take(partition, incarnation)
        self.takes += 1
        if self.takes == 1:
            await super().take(partition, incarnation)
        return taken


async def taken(table: MemoryTable, confirms: Confirms, owned: list[OwnedPartition]) -> None:
    clock, checkpoints = ManualClock(), MemoryCheckpoints()
    ports = Ports(table=table, log=MemoryLog(1, clock), checkpoints=checkpoints, clock=clock)
    spec = TableSpec(topic=RUN_EVENTS, fold=RunFold())
    engine = Engine(spec, ports, on_lost=lambda _: None, on_gap=lambda _: None)
    takeover = Takeover(engine, checkpoints, memory_limit=100, restore_grace_ms=0, confirms=confirms)
    owned.append(takeover.new(0))
    await takeover.take(owned[0])


async def test_it_is_taken_back_once_the_group_says_that_it_is_ours() -> None:
    table, answers, asked_after = Contested(), [False, False, True], list[int]()

    async def confirms() -> bool:
        asked_after.append(table.takes)
        return answers.pop(0)

    await taken(table, confirms, owned := [])
    assert asked_after == [1, 1, 1], "nothing is taken while the group does not say so"
    assert (owned[0].status, table.takes) == (Status.READY, 2)


async def test_it_is_left_to_the_other_owner_once_it_is_given_up() -> None:
    table, owned = Contested(), list[OwnedPartition]()

    async def confirms() -> bool:
        owned[0].status = Status.GONE
        return False

    await taken(table, confirms, owned)
    assert (owned[0].status, table.takes) == (Status.GONE, 1)
