"""One behaviour suite for the Table port, on memory and on Redis."""

import time
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from connectors.memory.engine import MemoryTable
from connectors.ports.engine import Answer, Commit, Due, HoldEntry, Position, Table, hold_timer, timer_member
from connectors.redis.fenced_table import RedisTable
from connectors.redis.keys import Slot
from schemas.errors import Fenced, PositionLost, Unavailable
from tests.support.redis_clients import client_of


@pytest.fixture(params=["memory", "redis-py", "pipelined", "cluster", "sentinel"])
async def table(request: pytest.FixtureRequest):
    if request.param == "memory":
        yield MemoryTable()
        return
    async with client_of(request.param, request) as redis:
        yield RedisTable(redis, f"t{uuid4().hex}")


async def begun(table: Table, offset: int = 0) -> int:
    taken = await table.take(0, "log-1")
    assert await table.begin(0, taken.epoch, "log-1", Position(offset, 5)) is Answer.OK
    assert await table.open(0, taken.epoch, 1) is Answer.OK
    return taken.epoch


async def test_an_untouched_partition_has_no_position(table: Table) -> None:
    assert (await table.take(0, "log-1")).position is None


async def test_taking_raises_the_epoch_and_keeps_the_position(table: Table) -> None:
    epoch = await begun(table, 7)
    taken = await table.take(0, "log-1")
    assert taken.epoch > epoch
    assert taken.position == Position(7, 5)


async def test_another_log_has_no_position(table: Table) -> None:
    await begun(table, 7)
    assert (await table.take(0, "log-2")).position is None


async def test_a_table_of_another_log_says_so_every_time_and_keeps_its_entries(table: Table) -> None:
    epoch = await begun(table, 7)
    await table.commit(0, Commit(epoch, 7, 8, 5, puts={"a": {"x": b"1"}}))
    assert (await table.take(0, "log-2")).other_log == "log-1"
    taken = await table.take(0, "log-2")
    assert taken.other_log == "log-1"
    assert [names async for names in table.entities(0)] == [["a"]]
    assert (await table.take(0, "log-1")).other_log == ""


async def test_a_commit_writes_everything_and_moves_the_position(table: Table) -> None:
    epoch = await begun(table)
    big = {f"f{i}": bytes([i % 256, 0, 255]) for i in range(5_000)}
    commit = Commit(epoch, 0, 3, 9, puts={"a": {"x": b"\x00\xff", "y": b"2"}, "big": big})
    assert await table.commit(0, commit) is Answer.OK
    loaded = await table.load(0, epoch, ["a", "big", "none"])
    assert loaded == {"a": {"x": b"\x00\xff", "y": b"2"}, "big": big, "none": {}}
    assert (await table.take(0, "log-1")).position == Position(3, 9)


async def test_drops_remove_entries(table: Table) -> None:
    epoch = await begun(table)
    await table.commit(0, Commit(epoch, 0, 1, 0, puts={"a": {"x": b"1", "y": b"2"}}))
    await table.commit(0, Commit(epoch, 1, 2, 0, drops={"a": ["x", "never"]}))
    assert await table.load(0, epoch, ["a"]) == {"a": {"y": b"2"}}


async def test_thousands_of_entries_of_one_entity_are_dropped_at_once(table: Table) -> None:
    epoch = await begun(table)
    names = [f"f{i}" for i in range(20_000)]
    await table.commit(0, Commit(epoch, 0, 1, 5, puts={"a": dict.fromkeys([*names, "x"], b"1")}))
    assert await table.commit(0, Commit(epoch, 1, 2, 5, drops={"a": names})) is Answer.OK
    assert await table.load(0, epoch, ["a"], 2) == {"a": {"x": b"1"}}


async def test_a_repeated_commit_answers_already_and_changes_nothing(table: Table) -> None:
    epoch = await begun(table)
    commit = Commit(epoch, 0, 1, 0, puts={"a": {"x": b"1"}})
    await table.commit(0, commit)
    await table.commit(0, Commit(epoch, 0, 1, 0, puts={"a": {"x": b"other"}}))
    assert await table.commit(0, commit) is Answer.ALREADY
    assert await table.load(0, epoch, ["a"]) == {"a": {"x": b"1"}}


async def test_an_older_epoch_is_fenced_from_everything(table: Table) -> None:
    old = await begun(table)
    await table.take(0, "log-1")
    assert await table.commit(0, Commit(old, 0, 1, 0, puts={"a": {"x": b"1"}})) is Answer.FENCED
    assert await table.begin(0, old, "log-1", Position(0, 0)) is Answer.FENCED
    assert await table.open(0, old, 1) is Answer.FENCED
    with pytest.raises(Fenced):
        await table.load(0, old, ["a"])


async def test_a_position_that_is_gone_or_elsewhere_answers_lost(table: Table) -> None:
    taken = await table.take(1, "log-1")
    assert await table.commit(1, Commit(taken.epoch, 0, 1, 0)) is Answer.LOST
    with pytest.raises(PositionLost):
        await table.load(1, taken.epoch, ["a"])
    epoch = await begun(table, 4)
    assert await table.commit(0, Commit(epoch, 9, 10, 0)) is Answer.LOST


async def test_begin_drops_what_was_there(table: Table) -> None:
    epoch = await begun(table)
    arm = {timer_member("a", "t"): 5}
    await table.commit(0, Commit(epoch, 0, 1, 0, puts={"a": {"x": b"1"}}, arm=arm))
    assert await table.begin(0, epoch, "log-1", Position(0, 0)) is Answer.OK
    assert await table.load(0, epoch, ["a"]) == {"a": {}}
    assert await table.due(0, 100, 10) == []


async def test_a_stale_owners_begin_drops_nothing_of_its_heir(table: Table) -> None:
    old = await begun(table)
    successor = (await table.take(0, "log-1")).epoch
    await table.commit(0, Commit(successor, 0, 1, 0, puts={"a": {"x": b"1"}}))
    assert await table.begin(0, old, "log-1", Position(0, 0)) is Answer.FENCED
    assert await table.load(0, successor, ["a"]) == {"a": {"x": b"1"}}


async def test_a_restore_that_did_not_end_is_done_again(table: Table) -> None:
    taken = await table.take(0, "log-1")
    await table.begin(0, taken.epoch, "log-1", Position(0, 0))
    await table.commit(0, Commit(taken.epoch, 0, 7, 0, puts={"a": {"x": b"1"}}))
    again = await table.take(0, "log-1")
    assert again.position is None
    await table.begin(0, again.epoch, "log-1", Position(0, 0))
    await table.open(0, again.epoch, 1)
    assert (await table.take(0, "log-1")).position == Position(0, 0)


async def test_timers_are_due_in_order_and_can_be_moved_and_disarmed(table: Table) -> None:
    epoch = await begun(table)
    one, two, three = (timer_member("a", t) for t in ("one", "two", "three"))
    await table.commit(0, Commit(epoch, 0, 1, 0, arm={one: 30, two: 20, three: 10}))
    assert await table.due(0, 25, 10) == [(three, 10), (two, 20)]
    assert await table.due(0, 99, 1) == [(three, 10)]
    await table.commit(0, Commit(epoch, 1, 2, 0, arm={one: 5}, disarm=[one, three]))
    assert await table.due(0, 99, 10) == [(one, 5), (two, 20)]


async def test_a_dump_shows_entities_with_their_ends_as_of_one_offset(table: Table) -> None:
    epoch = await begun(table, 4)
    leaves_ms = int(time.time() * 1000) + 3_600_000
    puts = {"a": {"x": b"1"}, "b": {"y": b"\x00"}}
    await table.commit(0, Commit(epoch, 4, 9, 0, puts=puts, expire={"b": leaves_ms}))
    offset, found = await table.dump(0, epoch, ["a", "b", "none"])
    assert offset == 9
    assert {entity: stored.entries for entity, stored in found.items()} == puts | {"none": {}}
    assert found["a"].expire_at_ms is found["none"].expire_at_ms is None
    assert abs((found["b"].expire_at_ms or 0) - leaves_ms) <= 2
    await table.take(0, "log-1")
    with pytest.raises(Fenced):
        await table.dump(0, epoch, ["a"])
    with pytest.raises(PositionLost):
        await table.dump(7, 1, [])


async def test_counters_are_read_as_they_were_added_up(table: Table) -> None:
    epoch = await begun(table)
    assert await table.counted(0, epoch) == {}
    await table.commit(0, Commit(epoch, 0, 1, 0, counters={"a|x=1": 2, "b": 0.5}))
    await table.commit(0, Commit(epoch, 1, 2, 0, counters={"b": 0.25}))
    assert await table.counted(0, epoch) == {"a|x=1": 2, "b": 0.75}


@pytest.mark.parametrize("client", ["redis-py", "pipelined", "cluster", "sentinel"])
async def test_the_newest_exemplar_of_a_bucket_is_kept_until_the_table_begins_again(
    client: str, request: pytest.FixtureRequest
) -> None:
    async with client_of(client, request) as redis:
        name = f"t{uuid4().hex}"
        table, key = RedisTable(redis, name), Slot(name, 0).exemplars
        epoch = await begun(table)
        await table.commit(0, Commit(epoch, 0, 1, 0, exemplars={"a_bucket|le=1": "t1 0.5 10", "b": "t1 2.0 10"}))
        commit = Commit(epoch, 1, 2, 0, exemplars={"a_bucket|le=1": "t2 0.25 20"})
        assert await table.commit(0, commit) is Answer.OK
        assert await table.commit(0, commit) is Answer.ALREADY
        assert await redis.hgetall(key) == {b"a_bucket|le=1": b"t2 0.25 20", b"b": b"t1 2.0 10"}
        await begun(table)
        assert await redis.hgetall(key) == {}


async def test_all_entities_of_a_partition_can_be_named(table: Table) -> None:
    epoch = await begun(table)
    await table.commit(0, Commit(epoch, 0, 1, 0, puts={f"e:{number}": {"x": b"1"} for number in range(250)}))
    other = (await table.take(1, "log-1")).epoch
    await table.begin(1, other, "log-1", Position(0, 0))
    await table.commit(1, Commit(other, 0, 1, 0, puts={"elsewhere": {"x": b"1"}}))
    named = [entity async for names in table.entities(0) for entity in names]
    assert set(named) == {f"e:{number}" for number in range(250)}


async def test_an_owner_can_ask_where_its_table_stands(table: Table) -> None:
    epoch = await begun(table, 4)
    assert await table.stands(0, epoch) == 4
    await table.take(0, "log-1")
    with pytest.raises(Fenced):
        await table.stands(0, epoch)
    with pytest.raises(PositionLost):
        await table.stands(7, 1)


async def test_partitions_do_not_see_each_other(table: Table) -> None:
    epoch = await begun(table)
    await table.commit(0, Commit(epoch, 0, 1, 0, puts={"a": {"x": b"1"}}))
    taken = await table.take(1, "log-1")
    await table.begin(1, taken.epoch, "log-1", Position(0, 0))
    assert await table.load(1, taken.epoch, ["a"]) == {"a": {}}


async def test_a_store_that_does_not_answer_is_unavailable() -> None:
    redis = Redis.from_url("redis://127.0.0.1:1/0")
    with pytest.raises(Unavailable):
        await RedisTable(redis, "t").take(0, "log")
    await redis.aclose()


async def test_a_restore_leaves_claims_and_holds_alone(redis: Redis) -> None:
    table = RedisTable(redis, f"t{uuid4().hex}", foreign_timers=True)
    epoch = await begun(table)
    slot = table._slot(0)
    await redis.hset(slot.claim("attempt"), "owner", "w1")
    await redis.hset(slot.held("org"), "org|total", 5)
    await redis.zadd(slot.timers, {"hold": 9})
    await table.commit(0, Commit(epoch, 0, 1, 0, puts={"a": {"x": b"1"}}))
    assert await table.begin(0, epoch, "log-1", Position(0, 0)) is Answer.OK
    assert await redis.hget(slot.claim("attempt"), "owner") == b"w1"
    assert await redis.hget(slot.held("org"), "org|total") == b"5"
    assert await table.due(0, 10, 5) == [("hold", 9)]
    assert await table.load(0, epoch, ["a"]) == {"a": {}}


async def test_a_table_of_another_log_is_closed_when_it_is_taken(redis: Redis) -> None:
    table = RedisTable(redis, f"t{uuid4().hex}")
    epoch = await begun(table)
    await table.open(0, epoch, 1)
    await table.take(0, "log-2")
    assert await redis.hmget(table._slot(0).position, "open_at", "offset") == [None, None]


async def test_an_owner_from_before_a_flush_stays_fenced(redis: Redis) -> None:
    table = RedisTable(redis, f"t{uuid4().hex}")
    before = await begun(table)
    await redis.delete(table._slot(0).position)
    assert await begun(table) > before
    assert await table.commit(0, Commit(before, 0, 1, 0)) is Answer.FENCED


async def test_a_table_that_went_back_shows_nothing_to_its_owner(table: Table) -> None:
    epoch = await begun(table)
    assert await table.commit(0, Commit(epoch, 0, 5, 1, puts={"a": {"x": b"1"}})) is Answer.OK
    assert await table.load(0, epoch, ["a"], since=5) == {"a": {"x": b"1"}}
    with pytest.raises(PositionLost):
        await table.load(0, epoch, ["a"], since=6)


def hold(call: str, due_ms: int, amount: int = 7) -> HoldEntry:
    return HoldEntry(amount, "acme", call, due_ms, 5, b'{"amount":7}', "org|total\x1fmodel|p|m")


async def test_a_commit_puts_holds_that_are_not_there_and_then_releases(table: Table) -> None:
    epoch = await begun(table)
    await table.commit(0, Commit(epoch, 0, 1, 0, holds={"c1": hold("c1", 30), "c2": hold("c2", 40)}))
    assert await table.due(0, 100, 10) == [Due(hold_timer("c1"), 30), Due(hold_timer("c2"), 40)]
    commit = Commit(epoch, 1, 2, 0, holds={"c1": hold("c1", 90), "c3": hold("c3", 50)})
    commit.releases = [("acme", "c2"), ("acme", "c3")]
    assert await table.commit(0, commit) is Answer.OK
    assert await table.due(0, 100, 10) == [Due(hold_timer("c1"), 30)], "a hold that is there stays as it is"
    await table.commit(0, Commit(epoch, 2, 3, 0, releases=[("acme", "c1"), ("acme", "never")]))
    assert await table.due(0, 100, 10) == []
