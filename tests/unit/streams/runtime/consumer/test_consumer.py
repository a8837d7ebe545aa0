"""The consumer hands polls over, never runs ahead of its handler, and stores the handler's watermark in the group."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError
from aiokafka.structs import OffsetAndMetadata

from streams.runtime.consumer import consumer as module
from streams.runtime.consumer.consumer import PollConsumer
from streams.runtime.consumer.poll import Partition, Poll
from streams.runtime.consumer.transport import Member, PollApp, Reads
from topics.partitioner import partition_for

T0, T1 = TopicPartition("t", 0), TopicPartition("t", 1)


def record(offset: int, partition: int = 0) -> Any:
    return ConsumerRecord("t", partition, offset, 1_000, 0, b"k", b"v", None, 1, 1, ())


class Coordinator:
    """What the consumer asks of aiokafka's group membership."""

    def __init__(self) -> None:
        self.member_id = "member-1"
        self._group_instance_id: str | None = "worker-1"
        self.rejoins = False
        self.holds = True
        self._rejoin_needed_fut: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def need_rejoin(self, _subscription: object) -> bool:
        return self.rejoins

    async def _do_heartbeat(self) -> bool:
        return self.holds


class State:
    """Where a partition is read."""

    def __init__(self, position: int | None) -> None:
        self.position = position
        self.has_valid_position = position is not None


class Client:
    """An aiokafka consumer whose broker is a list."""

    def __init__(self) -> None:
        self._coordinator = Coordinator()
        self._subscription = self
        self.subscription = self
        self.positions: dict[TopicPartition, int | None] = {T0: 5, T1: 7}
        self.ends: dict[TopicPartition, int] = {T0: 9}
        self.fetches: list[dict[TopicPartition, list[Any]]] = []
        self.asked: list[tuple[set[TopicPartition], int]] = []
        self.committed: list[dict[TopicPartition, OffsetAndMetadata]] = []
        self.seeks: list[tuple[TopicPartition, int]] = []
        self.subscribed: dict[str, Any] = {}
        self.fails = False
        self.calls: list[str] = []

    @property
    def assignment(self) -> Any:
        # aiokafka's consumer has a method of this name, its subscription an attribute.
        return _Assignment(self.positions)

    def highwater(self, tp: TopicPartition) -> int | None:
        return self.ends.get(tp)

    def seek(self, tp: TopicPartition, offset: int) -> None:
        self.seeks.append((tp, offset))

    def subscribe(self, **subscribed: Any) -> None:
        self.subscribed = subscribed

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return {0, 1, 2} if topic == "t" else None

    async def commit(self, offsets: dict[TopicPartition, OffsetAndMetadata]) -> None:
        if self.fails:
            raise CommitFailedError
        self.committed.append(dict(offsets))

    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 40)

    async def beginning_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 4)

    async def position(self, tp: TopicPartition) -> int | None:
        return self.positions[tp]

    async def getmany(self, *tps: TopicPartition, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Any]]:
        self.asked.append((set(tps), max_records))
        await asyncio.sleep(0)
        return self.fetches.pop(0) if self.fetches else {}

    async def start(self) -> None:
        self.calls.append("start")

    async def stop(self) -> None:
        self.calls.append(f"stop as {self._coordinator._group_instance_id}")


class _Assignment(set[TopicPartition]):
    def __init__(self, positions: Mapping[TopicPartition, int | None]) -> None:
        super().__init__(positions)
        self._positions = positions

    def __call__(self) -> set[TopicPartition]:
        return set(self)

    def state_value(self, tp: TopicPartition) -> State | None:
        return State(self._positions[tp]) if tp in self._positions else None


class Handler:
    """Wants ``partitions``; its watermark is ``done``."""

    def __init__(self) -> None:
        self.partitions: set[Partition] = {("t", 0), ("t", 1)}
        self.most = 10
        self.rest_s = [0.0]
        self.linger = 0.0
        self.done: dict[Partition, int] = {}
        self.calls: list[Any] = []

    def batch_delay_s(self) -> float:
        return self.rest_s.pop(0) if len(self.rest_s) > 1 else self.rest_s[0]

    def wanted(self) -> tuple[set[Partition], int]:
        self.calls.append("wanted")
        return self.partitions, self.most

    def linger_s(self, poll: Poll) -> float:
        return self.linger

    def commits(self) -> dict[Partition, int]:
        return self.done

    async def assigned(self, partitions: set[Partition], control: Any) -> None:
        self.calls.append(("assigned", partitions))

    async def revoked(self, partitions: set[Partition]) -> None:
        self.calls.append(("revoked", partitions))

    async def handle(self, poll: Poll) -> None:
        self.calls.append(("handle", poll.size))

    async def settle(self, seconds: float) -> None:
        self.calls.append(("settle", seconds))

    async def drain(self, seconds: float) -> None:
        self.calls.append(("drain", seconds))

    def paused(self) -> dict[Partition, str]:
        return {}


class System:
    """A consumer over a client in memory. ``app`` never connects."""

    def __init__(self, reads: Reads | None = None, *, drain_s: float = 9.0, settle_s: float | None = None) -> None:
        self.handler = Handler()
        member = Member(bootstrap="127.0.0.1:1")
        reads = reads or Reads(topics=("t", "gone"))
        self.app = PollApp("group", self.handler, reads, member, drain_s=drain_s, settle_s=settle_s)
        self.client = Client()
        self.app.new_client = lambda: self.client  # type: ignore[assignment, return-value, method-assign]
        self.polls: asyncio.Queue[Poll] = asyncio.Queue()
        self.app.polls = self.polls
        self.consumer: PollConsumer = self.app.consumer  # type: ignore[assignment]

    async def drained(self, polls: int) -> list[Poll]:
        """Run the drain loop until it has handed over so many polls."""
        fetcher = type("Fetcher", (), {"should_stop": False})()
        self.consumer.flow_active = True
        task = asyncio.ensure_future(self.consumer._drain_messages(fetcher))
        found = [await asyncio.wait_for(self.polls.get(), 5) for _ in range(polls)]
        await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return found


@pytest.fixture
async def system() -> System:
    return System()


# The watermark


async def test_the_watermark_of_assigned_partitions_is_stored_once(system: System) -> None:
    system.handler.done = {("t", 0): 6, ("t", 1): 8, ("t", 2): 3}
    assert await system.consumer.commit() is True
    assert await system.consumer.commit() is True
    assert system.client.committed == [{T0: OffsetAndMetadata(6, ""), T1: OffsetAndMetadata(8, "")}]
    system.handler.done = {("t", 0): 6, ("t", 1): 9}
    assert await system.consumer._commit({}) is True
    assert system.client.committed[1:] == [{T1: OffsetAndMetadata(9, "")}]


async def test_a_refused_commit_is_tried_again(system: System) -> None:
    system.handler.done = {("t", 0): 6}
    system.client.fails = True
    assert await system.consumer.commit() is False
    system.client.fails = False
    assert await system.consumer.commit() is True
    assert len(system.client.committed) == 1


async def test_what_the_group_has_is_stored_again_now_and_then(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    system.handler.done = {("t", 0): 6}
    await system.consumer.commit()
    now = time.monotonic()
    monkeypatch.setattr(module.time, "monotonic", lambda: now + module.STORE_ALL_S - 1)
    await system.consumer.commit()
    assert len(system.client.committed) == 1
    monkeypatch.setattr(module.time, "monotonic", lambda: now + module.STORE_ALL_S + 1)
    await system.consumer.commit()
    await system.consumer.commit()
    assert len(system.client.committed) == 2


# Polls


async def test_a_fetch_is_one_poll_of_the_present_assignment(system: System) -> None:
    system.client.fetches = [{T0: [record(5), record(6)], T1: [record(7, 1)]}]
    [poll] = await system.drained(1)
    assert {p: [r.offset for r in found] for p, found in poll.records.items()} == {("t", 0): [5, 6], ("t", 1): [7]}
    assert poll.tenure == system.consumer.tenure
    assert system.consumer.begun(("t", 0)) == 5
    assert system.client.asked[0] == ({T0, T1}, 10)


async def test_where_an_assignment_began_is_known_however_far_it_has_read(system: System) -> None:
    assert system.consumer.begun(("t", 0)) == 5, "where it will begin"
    system.client.fetches = [{T0: [record(5)]}, {T0: [record(6)]}]
    await system.drained(2)
    system.client.positions[T0] = 7
    assert system.consumer.begun(("t", 0)) == 5
    await system.consumer.leaving()
    assert system.consumer.begun(("t", 0)) == 7


async def test_two_polls_may_be_outstanding_and_a_third_waits(system: System) -> None:
    system.client.fetches = [{T0: [record(n)]} for n in (5, 6, 7)]
    first, second = await system.drained(2)
    assert len(system.client.fetches) == 1
    system.consumer.taken(first)
    [third] = await system.drained(1)
    assert [r.offset for r in third.records["t", 0]] == [7]
    assert system.client.fetches == []
    system.consumer.taken(second)


async def test_a_poll_of_an_earlier_assignment_frees_no_place(system: System) -> None:
    system.client.fetches = [{T0: [record(5)]}]
    [old] = await system.drained(1)
    await system.consumer.leaving()
    system.client.fetches = [{T0: [record(n)]} for n in (5, 6, 7)]
    await system.drained(2)
    system.consumer.taken(old)
    await asyncio.sleep(0.02)
    assert len(system.client.fetches) == 1
    assert system.consumer.begun(("t", 0)) == 5


async def test_nothing_is_fetched_while_the_handler_wants_nothing(system: System) -> None:
    system.handler.partitions = set()
    system.client.fetches = [{T0: [record(5)]}]
    await system.drained(0)
    system.handler.partitions = {("t", 0), ("t", 9)}
    system.handler.most = 0
    await system.drained(0)
    assert system.client.asked == []
    system.handler.most = 3
    await system.drained(1)
    assert system.client.asked[0] == ({T0}, 3)


async def test_a_wake_asks_again_at_once(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IDLE_S", 60.0)
    system.handler.partitions = set()
    waiting = asyncio.ensure_future(system.consumer._idle())
    await asyncio.sleep(0.02)
    assert not waiting.done()
    system.consumer.wake()
    await asyncio.wait_for(waiting, 5)
    again = asyncio.ensure_future(system.consumer._idle())
    await asyncio.sleep(0.02)
    assert not again.done(), "one wake ends one wait"
    again.cancel()


async def test_a_batch_delay_is_slept_before_the_next_fetch(system: System) -> None:
    system.handler.rest_s = [0.05, 0.05, 0.0]
    system.client.fetches = [{T0: [record(5)]}]
    began = time.monotonic()
    await system.drained(1)
    assert time.monotonic() - began >= 0.1


async def test_what_is_sure_to_follow_joins_the_poll(system: System) -> None:
    system.handler.linger = 0.05
    system.client.fetches = [{T0: [record(5)]}, {T0: [record(6)]}]
    [poll] = await system.drained(1)
    assert [r.offset for r in poll.records["t", 0]] == [5, 6]


# Assignments


async def test_the_end_of_an_assignment_stores_the_watermark_and_frees_every_place(system: System) -> None:
    system.client.fetches = [{T0: [record(5)]}, {T0: [record(6)]}]
    await system.drained(2)
    system.handler.done = {("t", 0): 6}
    before = system.consumer.tenure
    system.consumer.joining_since = None
    await system.consumer.leaving()
    assert system.consumer.tenure == before + 1
    assert system.client.committed == [{T0: OffsetAndMetadata(6, "")}]
    assert system.consumer.begun(("t", 0)) == system.consumer.next_offset(("t", 0)) == 5
    assert system.app.joining_since() is not None
    system.client.fetches = [{T0: [record(6)]}, {T0: [record(7)]}]
    assert len(await system.drained(2)) == 2
    await system.consumer.commit()
    assert len(system.client.committed) == 2, "the next assignment stores it again"


async def test_a_slow_broker_does_not_hold_up_a_rebalance(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(_offsets: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(system.client, "commit", never)
    system.handler.done = {("t", 0): 6}
    began = time.monotonic()
    await system.consumer.leaving()
    assert 0.4 <= time.monotonic() - began < 1.4


@pytest.mark.parametrize(
    ("tenure", "joining", "member_id", "kept"),
    [(1, False, "", False), (0, False, "", True), (1, True, "", True), (1, False, "member-1", True)],
    ids=["thrown out", "never assigned", "still joining", "still a member"],
)
async def test_a_name_is_given_up_only_by_a_member_that_was_thrown_out(
    system: System, tenure: int, joining: bool, member_id: str, kept: bool
) -> None:
    system.consumer.tenure = tenure
    system.consumer.joining_since = 1.0 if joining else None
    system.client._coordinator.member_id = member_id
    await system.consumer.leaving()
    assert (system.client._coordinator._group_instance_id == "worker-1") is kept


@pytest.mark.parametrize(
    ("rejoins", "holds", "rejoin_needed", "confirmed"),
    [(False, True, False, True), (True, True, False, False), (False, False, False, False), (False, True, True, False)],
)
async def test_an_assignment_is_confirmed_by_the_group_alone(
    system: System, rejoins: bool, holds: bool, rejoin_needed: bool, confirmed: bool
) -> None:
    coordinator = system.client._coordinator
    coordinator.rejoins, coordinator.holds = rejoins, holds
    if rejoin_needed:
        coordinator._rejoin_needed_fut.set_result(None)
    assert await system.consumer.confirms() is confirmed


async def test_an_assignment_that_ended_meanwhile_is_not_confirmed(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def heartbeat() -> bool:
        system.consumer.tenure += 1
        return True

    monkeypatch.setattr(system.client._coordinator, "_do_heartbeat", heartbeat)
    assert await system.consumer.confirms() is False


async def test_a_stop_settles_stores_leaves_by_no_name_and_then_drains(system: System) -> None:
    system.handler.done = {("t", 0): 6}
    await system.consumer.on_stop()
    assert system.handler.calls == [("settle", module.SETTLE_S), ("drain", 9.0)]
    assert system.client.calls == ["stop as None"]
    assert len(system.client.committed) == 1


async def test_a_short_drain_bounds_the_settling_too() -> None:
    system = System(drain_s=0.1)
    await system.consumer.on_stop()
    assert system.handler.calls == [("settle", 0.1), ("drain", 0.1)]


async def test_a_role_whose_work_in_flight_takes_long_settles_for_as_long_as_it_says() -> None:
    system = System(settle_s=25.0)
    await system.consumer.on_stop()
    assert system.handler.calls == [("settle", 25.0), ("drain", 9.0)]


# Positions


async def test_a_seek_is_for_assigned_partitions_only(system: System) -> None:
    system.consumer.seek(("t", 0), 3)
    system.consumer.seek(("t", 9), 3)
    await system.consumer.seek_wait({module.TP("t", 1): 8})
    await system.consumer._seek(module.TP("t", 1), 9)
    assert system.client.seeks == [(T0, 3), (T1, 8), (T1, 9)]


async def test_positions_are_known_for_assigned_partitions_with_one(system: System) -> None:
    system.client.positions[T1] = None
    assert system.consumer.next_offset(("t", 0)) == 5
    assert system.consumer.next_offset(("t", 1)) is None
    assert system.consumer.next_offset(("t", 9)) is None
    assert await system.consumer.position(module.TP("t", 0)) == 5


@pytest.mark.parametrize(("end", "is_behind"), [(9, True), (6, True), (5, False), (None, False)])
async def test_a_partition_is_behind_when_the_last_fetch_saw_more(
    system: System, end: int | None, is_behind: bool
) -> None:
    system.client.ends = {} if end is None else {T0: end}
    assert system.consumer.behind(("t", 0)) is is_behind
    assert system.consumer.behind(("t", 9)) is False


async def test_end_offsets_are_asked_for_and_what_a_fetch_saw_later_counts(system: System) -> None:
    tp = module.TP("t", 0)
    assert system.consumer.highwater(tp) == 9
    assert system.consumer.highwater(module.TP("t", 1)) == 0
    assert await system.consumer.highwaters(tp) == {tp: 40}
    assert await system.consumer.earliest_offsets(tp) == {tp: 4}
    system.consumer._ends = {tp: 40}
    assert system.consumer.highwater(tp) == 40
    system.client.ends[T0] = 41
    assert system.consumer.highwater(tp) == 41


async def test_faust_gets_no_messages_and_moves_no_position(system: System) -> None:
    assert await system.consumer.seek_to_committed() == {}
    assert await system.consumer.perform_seek() is None
    assert system.client.seeks == []
    with pytest.raises(TypeError):
        system.consumer._to_message(module.TP("t", 0), None)
    with pytest.raises(TypeError):
        await system.consumer._getmany([], 1.0)
    with pytest.raises(PermissionError, match="topics create"):
        await system.consumer.create_topic("t")


async def test_a_key_has_the_partition_that_producers_give_it(system: System) -> None:
    assert system.consumer.key_partition("t", b"run-1") == partition_for(b"run-1", 3)
    assert system.consumer.key_partition("t", None) == partition_for(b"", 3)
    assert system.consumer.key_partition("t", b"run-1", 2) == 2
    assert system.consumer.key_partition("gone", b"run-1") is None
    assert system.consumer.topic_partitions("t") == 3
    assert system.consumer.assignment() == {module.TP("t", 0), module.TP("t", 1)}


@pytest.mark.parametrize(
    ("reads", "subscribed"),
    [(Reads(topics=("a", "b")), {"topics": ("a", "b")}), (Reads(pattern="^step"), {"pattern": "^step"})],
)
async def test_a_role_subscribes_to_its_topics_or_its_pattern(reads: Reads, subscribed: dict[str, Any]) -> None:
    system = System(reads)
    await system.consumer.subscribe(["what Faust knows"])
    assert {k: v for k, v in system.client.subscribed.items() if k != "listener"} == subscribed
    assert system.client.subscribed["listener"] is system.consumer._listener


# What metrics ask of the app


async def test_the_lag_counts_from_what_is_done_or_else_from_where_reading_began(system: System) -> None:
    system.client.ends = {T0: 9, T1: 20}
    system.handler.done = {("t", 0): 8}
    assert system.app.lags() == {("t", 0): 1, ("t", 1): 13}
    system.handler.done = {("t", 0): 10}
    system.client.positions[T1] = None
    assert system.app.lags() == {("t", 0): 0}


async def test_the_unread_records_of_each_partition_are_counted(system: System) -> None:
    system.client.ends = {T0: 9, T1: 3}
    system.client.positions[T1] = None
    assert system.app.unread() == {("t", 0): (5, 4), ("t", 1): (None, 0)}


async def test_topics_that_the_broker_does_not_have_are_named(system: System) -> None:
    assert system.app.missing_topics() == ["gone"]


async def test_an_app_without_a_consumer_knows_nothing() -> None:
    app = PollApp("group", Handler(), Reads(topics=("t",)), Member(bootstrap="127.0.0.1:1"))
    assert app.lags() == {}
    assert app.unread() == {}
    assert app.missing_topics() == []
    assert app.joining_since() is None


async def test_a_poll_of_an_earlier_assignment_is_not_handled(system: System) -> None:
    async def polls() -> AsyncIterator[Poll]:
        yield Poll({("t", 0): [record(5)]}, system.consumer.tenure + 1)
        yield Poll({("t", 0): [record(5), record(6)]}, system.consumer.tenure)

    system.consumer._outstanding = 1
    await system.app._take_polls(polls())
    assert system.handler.calls == [("handle", 2)]
    assert system.consumer._outstanding == 0
