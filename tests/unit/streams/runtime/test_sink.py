"""A sink writes batches at least once, waits for what is down, and sets aside only what no writing can take."""

import asyncio
from typing import Any

import pytest

from connectors.aio.clock import WallClock
from connectors.memory.engine import ManualClock, MemoryLog
from connectors.ports.engine import InRecord
from schemas.errors import BadRecord, NewerMajor, Unavailable
from streams.runtime.consumer.batch_delay import BatchDelay
from streams.runtime.consumer.poll import Poll
from streams.runtime.sink import BACKLOG_RECORDS, Item, SinkAgent, SinkSpec, batch_delay, unopened
from topics.catalogue import dlq

T0, T1 = ("run-events", 0), ("run-events", 1)


def record(offset: int, value: bytes = b"fine", partition: int = 0) -> InRecord:
    return InRecord("run-events", partition, offset, 1_000, b"k", value)


def poll(*records: InRecord) -> Poll:
    found: dict[tuple[str, int], list[InRecord]] = {}
    for one in records:
        found.setdefault((one.topic, one.partition), []).append(one)
    return Poll(found, 1)


def opened(one: InRecord) -> Any:
    if one.value == b"bad":
        raise BadRecord("json", "no JSON")
    if one.value == b"newer":
        raise NewerMajor("2.0", "1.0")
    return one.value


class Store:
    """Takes batches, unless one holds a record that it refuses, or it is down for the next ``down`` tries."""

    def __init__(self, down: int = 0) -> None:
        self.down = down
        self.batches: list[list[int]] = []
        self.tries: list[list[int]] = []
        self.tried_three_times = asyncio.Event()

    async def write(self, batch: list[Item]) -> None:
        offsets = [one.offset for one, _ in batch]
        self.tries.append(offsets)
        if len(self.tries) == 3:
            self.tried_three_times.set()
        if self.down:
            self.down -= 1
            raise Unavailable("store", "it is down")
        if any(one.value == b"refused" for one, _ in batch):
            raise ValueError("no such column")
        self.batches.append(offsets)


class System:
    """A sink over a store in memory."""

    def __init__(self, store: Store, gathering: BatchDelay | None = None) -> None:
        self.store = store
        self.clock = ManualClock()
        self.log = MemoryLog(1, self.clock)
        spec = SinkSpec(name="history", write=store.write, open_record=opened, gathering=gathering, poll_records=7)
        self.agent = SinkAgent(spec, self.log, self.clock)

    def dead(self) -> list[InRecord]:
        return self.log.everything(dlq("run-events"))


@pytest.fixture
async def system() -> System:
    made = System(Store())
    await made.agent.assigned({T0, T1}, None)  # type: ignore[arg-type]
    return made


async def test_a_poll_is_one_batch_and_moves_the_offsets_of_its_partitions(system: System) -> None:
    await system.agent.handle(poll(record(3), record(4), record(9, partition=1)))
    assert system.store.batches == [[3, 4, 9]]
    assert system.agent.commits() == {T0: 5, T1: 10}
    assert system.agent.dead_letters() == {}


async def test_all_assigned_partitions_are_wanted_until_one_pauses(system: System) -> None:
    assert system.agent.wanted() == ({T0, T1}, 7)
    await system.agent.handle(poll(record(3), record(4, b"newer"), record(5)))
    assert system.agent.wanted() == ({T1}, 7)
    assert list(system.agent.paused()) == [T0]
    assert system.store.batches == [[3]]
    assert system.agent.commits() == {T0: 4}, "what is too new is read again after the upgrade"


async def test_a_poll_that_cannot_be_opened_writes_no_batch(system: System) -> None:
    await system.agent.handle(poll(record(3, b"bad"), record(4, b"bad")))
    assert system.store.tries == []
    assert [one.value for one in system.dead()] == [b"bad", b"bad"]
    assert system.agent.dead_letters() == {"json": 2}
    assert system.agent.commits() == {T0: 5}


async def test_a_refused_record_is_found_by_halving_and_the_rest_is_written(system: System) -> None:
    await system.agent.handle(poll(*(record(n, b"refused" if n == 5 else b"fine") for n in range(8))))
    assert sorted(n for batch in system.store.batches for n in batch) == [0, 1, 2, 3, 4, 6, 7]
    assert len(system.store.tries) <= 2 * 3 + 1, "each halving writes the half without it once"
    assert [one.value for one in system.dead()] == [b"refused"]
    assert system.agent.dead_letters() == {"sink": 1}
    assert system.agent.commits() == {T0: 8}


async def test_a_store_that_is_down_is_waited_for_with_backoff() -> None:
    system = System(Store(down=8))
    await system.agent.assigned({T0}, None)  # type: ignore[arg-type]
    before = system.clock.now_ms()
    await system.agent.handle(poll(record(0)))
    assert system.store.batches == [[0]]
    assert len(system.store.tries) == 9
    assert system.clock.now_ms() - before == 100 + 200 + 400 + 800 + 1_600 + 3_200 + 5_000 + 5_000
    assert system.dead() == []


async def test_a_settled_sink_stops_waiting_and_acknowledges_nothing() -> None:
    system = System(Store(down=10**6))
    await system.agent.assigned({T0}, None)  # type: ignore[arg-type]
    handling = asyncio.ensure_future(system.agent.handle(poll(record(0))))
    await system.store.tried_three_times.wait()
    await system.agent.settle(1.0)
    await handling
    assert system.agent.commits() == {}
    assert system.store.batches == []


async def test_what_is_written_while_a_sink_stops_is_acknowledged() -> None:
    writing, may_end = asyncio.Event(), asyncio.Event()

    async def write(batch: list[Item]) -> None:
        writing.set()
        await may_end.wait()

    agent = SinkAgent(SinkSpec(name="history", write=write), MemoryLog(1, ManualClock()), WallClock())
    await agent.assigned({T0}, None)  # type: ignore[arg-type]
    handling = asyncio.ensure_future(agent.handle(poll(record(0))))
    await writing.wait()
    settling = asyncio.ensure_future(agent.settle(10.0))
    await asyncio.sleep(0)
    assert not settling.done()
    may_end.set()
    await settling
    assert agent.commits() == {T0: 1}
    await handling


async def test_a_write_that_does_not_end_keeps_no_sink_from_stopping() -> None:
    async def write(batch: list[Item]) -> None:
        await asyncio.Event().wait()

    agent = SinkAgent(SinkSpec(name="history", write=write), MemoryLog(1, ManualClock()), WallClock())
    await agent.assigned({T0}, None)  # type: ignore[arg-type]
    handling = asyncio.ensure_future(agent.handle(poll(record(0))))
    await asyncio.sleep(0)
    await agent.settle(0.01)
    assert agent.commits() == {}
    handling.cancel()


async def test_a_revoked_partition_is_forgotten(system: System) -> None:
    await system.agent.handle(poll(record(3), record(9, partition=1)))
    await system.agent.handle(poll(record(4, b"newer")))
    await system.agent.revoked({T0})
    assert system.agent.commits() == {T1: 10}
    assert system.agent.paused() == {}
    assert system.agent.wanted()[0] == {T1}
    await system.agent.handle(poll(record(5)))
    assert system.agent.commits() == {T1: 10}, "the next owner writes it again"


async def test_a_sink_gathers_after_a_write_as_its_delay_says() -> None:
    system = System(Store(), BatchDelay(min_ms=0, max_ms=50, ms_per_record=10, enough=100))
    await system.agent.assigned({T0}, None)  # type: ignore[arg-type]
    assert system.agent.batch_delay_s() == 0.0
    await system.agent.handle(poll(*(record(n) for n in range(4))))
    assert system.agent.batch_delay_s() == pytest.approx(0.03)


async def test_without_a_delay_a_sink_never_rests(system: System) -> None:
    await system.agent.handle(poll(*(record(n) for n in range(500))))
    assert system.agent.batch_delay_s() == 0.0
    assert system.agent.linger_s(poll(record(0))) == 0.0


def test_the_usual_delay_ends_in_a_backlog() -> None:
    delay = batch_delay(0, 200)
    delay.took(101, 0)
    assert delay.batch_delay_s(0) == pytest.approx(0.1)
    delay.took(BACKLOG_RECORDS, 0)
    assert delay.batch_delay_s(0) == 0.0


def test_an_unopened_record_is_handed_on_as_it_is() -> None:
    one = record(1)
    assert unopened(one) is one


async def test_key_that_was_taken_back_is_passed_over_where_topics_take_tombstones() -> None:
    system = System(Store())
    taken = InRecord("run-views", 0, 0, 1_000, b"k", None)
    await system.agent.assigned({("run-views", 0)}, None)  # type: ignore[arg-type]
    await system.agent.handle(Poll({("run-views", 0): [taken, taken._replace(offset=1, value=b"fine")]}, 1))
    assert system.store.batches == [[1]]
    assert system.agent.commits() == {("run-views", 0): 2}
    assert system.dead() == []


class Seeks:
    """A consumer that notes where it is sent."""

    def __init__(self) -> None:
        self.seeks: list[tuple[tuple[str, int], int]] = []

    def seek(self, partition: tuple[str, int], offset: int) -> None:
        self.seeks.append((partition, offset))


async def test_records_of_a_held_topic_wait_and_others_are_written() -> None:
    store, control, held = Store(), Seeks(), {"run-events"}
    spec = SinkSpec(name="ingress", write=store.write, held=held.__contains__)
    agent = SinkAgent(spec, MemoryLog(1, ManualClock()), ManualClock())
    other = InRecord("cost-events", 0, 7, 1_000, b"k", b"fine")
    await agent.assigned({T0, ("cost-events", 0)}, control)  # type: ignore[arg-type]
    await agent.handle(poll(record(3), record(4), other))
    assert store.batches == [[7]]
    assert agent.commits() == {("cost-events", 0): 8}
    assert control.seeks == [(T0, 3)]
    assert agent.wanted()[0] == {("cost-events", 0)}
    held.clear()
    await agent.handle(poll(record(5)))  # fetched before the seek
    assert control.seeks[1:] == [(T0, 3)]
    await agent.handle(poll(record(3), record(4), record(5)))
    assert store.batches == [[7], [3, 4, 5]]
    assert agent.commits()[T0] == 6
