"""A table's owner under a consumer: what it wants, reports and finishes while partitions come and go."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from connectors.aio.clock import WallClock
from connectors.memory.checkpoints import MemoryCheckpoints
from connectors.memory.engine import ManualClock, MemoryLog, MemoryTable
from connectors.ports.engine import Answer, Commit
from schemas.records.run_events import CancelRequested
from streams.core.runs.fold import RunFold
from streams.runtime.consumer.poll import Partition, Poll
from streams.runtime.routing import to_out
from streams.runtime.table.agent import FOLLOWS_S, TableAgent
from streams.runtime.table.partition import Status
from streams.runtime.table.spec import Ports, TableSpec, Tuning
from tests.support.polling import until_async
from topics.catalogue import RUN_EVENTS

HERE: Partition = (RUN_EVENTS, 0)


class Group:
    """A consumer's control: it remembers seeks and wakes."""

    def __init__(self) -> None:
        self.at: dict[Partition, int] = {}
        self.ready = asyncio.Event()

    def seek(self, partition: Partition, offset: int) -> None:
        self.at[partition] = offset
        self.ready.set()

    def wake(self) -> None:
        self.ready.set()

    def behind(self, partition: Partition) -> bool:
        return False

    async def confirms(self) -> bool:
        return True


class Scene:
    """One owner of a table of runs in memory."""

    def __init__(self) -> None:
        self.log, self.table, self.group = MemoryLog(1, ManualClock()), MemoryTable(), Group()
        ports = Ports(table=self.table, log=self.log, checkpoints=MemoryCheckpoints(), clock=WallClock())
        spec = TableSpec(topic=RUN_EVENTS, fold=RunFold(), continues=lambda record: record.value.endswith(b" "))
        self.agent = TableAgent(spec, ports, tuning=Tuning(poll_records=11))

    async def taken(self) -> None:
        await self.agent.assigned({HERE, ("another-topic", 0)}, self.group)
        await asyncio.wait_for(self.group.ready.wait(), 5)

    async def poll(self, count: int = 1) -> Poll:
        records = [to_out(CancelRequested(run_id="run-1", org_id="acme")) for _ in range(count)]
        before = (await self.log.bounds(*HERE)).end
        await self.log.append(records)
        return Poll({HERE: self.log.records(*HERE)[before:]}, 1)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    made = Scene()
    yield made
    await made.agent.settle(1.0)


async def test_a_partition_is_wanted_and_reported_once_it_is_taken(scene: Scene) -> None:
    await scene.agent.assigned({HERE}, scene.group)
    assert scene.agent.wanted() == (set(), 11)
    assert scene.agent.commits() == {}, "nothing is known of a partition that is being taken"
    await asyncio.wait_for(scene.group.ready.wait(), 5)
    assert scene.agent.wanted() == ({HERE}, 11)
    assert scene.agent.commits() == {HERE: 0}
    assert scene.group.at == {HERE: 0}
    assert scene.agent.paused() == {}


async def test_partitions_of_other_topics_are_not_taken(scene: Scene) -> None:
    await scene.taken()
    assert set(scene.agent.partitions()) == {0}


async def test_a_poll_is_committed_when_it_is_settled(scene: Scene) -> None:
    await scene.taken()
    await scene.agent.handle(await scene.poll(2))
    await scene.agent.handle(await scene.poll(3))
    await scene.agent.settle(5.0)
    assert (await scene.log.bounds(*HERE)).end == 5
    assert scene.agent.commits()[HERE] == 5


async def test_a_partition_whose_chunk_could_not_be_finished_is_taken_again(scene: Scene) -> None:
    await scene.taken()
    poll, owned, commit = await scene.poll(2), scene.agent.partitions()[0], scene.table.commit

    async def broken(_partition: int, _commit: Commit) -> Answer:
        scene.table.commit = commit  # type: ignore[method-assign]
        raise RuntimeError("a defect")

    scene.table.commit = broken  # type: ignore[method-assign]
    scene.group.ready.clear()
    await scene.agent.handle(poll)
    await asyncio.wait_for(scene.group.ready.wait(), 30)
    assert scene.agent.partitions()[0] is not owned
    assert scene.group.at == {HERE: 0}, "what was not finished is read again"
    await scene.agent.handle(poll)
    await scene.agent.settle(5.0)
    assert scene.agent.commits() == {HERE: 2}


async def test_a_revoked_partition_is_neither_wanted_nor_reported(scene: Scene) -> None:
    await scene.taken()
    owned = scene.agent.partitions()[0]
    await scene.agent.revoked({HERE})
    assert owned.status is not Status.READY
    assert scene.agent.wanted()[0] == set()
    assert scene.agent.commits() == {}
    await scene.agent.handle(await scene.poll())
    assert scene.agent.commits() == {}, "a poll of a partition that left is not folded"


async def test_an_assignment_without_a_partition_ends_it(scene: Scene) -> None:
    await scene.taken()
    owned = scene.agent.partitions()[0]
    await scene.agent.assigned(set(), scene.group)
    assert owned.status is not Status.READY
    assert scene.agent.partitions() == {}


@pytest.mark.parametrize(("values", "linger_s"), [((b"a ", b"b "), FOLLOWS_S), ((b"a ", b"b"), 0.0)])
async def test_a_poll_is_held_back_only_if_more_follows_all_of_its_records(
    scene: Scene, values: tuple[bytes, ...], linger_s: float
) -> None:
    poll = await scene.poll(len(values))
    records = [record._replace(value=value) for record, value in zip(poll.records[HERE], values, strict=True)]
    assert scene.agent.linger_s(Poll({HERE: records}, 1)) == linger_s


async def test_records_gather_after_a_large_poll(scene: Scene) -> None:
    await scene.taken()
    await scene.agent.handle(await scene.poll(1))
    assert scene.agent.batch_delay_s() == 0.0
    await scene.agent.handle(await scene.poll(60))
    assert scene.agent.batch_delay_s() > 0.0


async def test_timers_are_looked_at_until_the_owner_settles(scene: Scene) -> None:
    await scene.taken()
    await until_async(lambda: scene.agent.ticks, 5, "the timers are looked at", 0.001)
    await scene.agent.settle(1.0)
    before = scene.agent.ticks
    await asyncio.sleep(0.05)
    assert scene.agent.ticks == before
    assert scene.agent.fault is None
    assert scene.agent.dead_letters() == {}
