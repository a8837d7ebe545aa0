"""Where a partition of a fenced table stands, on a real Redis: its epoch, its log, and from when it may be trusted."""

from collections.abc import AsyncIterator
from typing import NamedTuple
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from connectors.ports.engine import Answer, Commit, Position
from connectors.redis.fenced_table import SETTLE_MS, RedisTable
from connectors.redis.keys import Slot
from schemas.errors import Fenced, PositionLost
from tests.support.redis_clock import server_ms

LOG = "log-1"
OPEN_AT = 7


class Stand(NamedTuple):
    """A partition, begun at offset 4 and opened."""

    redis: Redis
    table: RedisTable
    slot: Slot
    epoch: int

    async def stored(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in (await self.redis.hgetall(self.slot.position)).items()}

    async def put(self, **fields: str | int) -> None:
        await self.redis.hset(self.slot.position, mapping=fields)

    async def master(self) -> str:
        """Return the id of the server's data set."""
        return str((await self.redis.info("replication"))["master_replid"])


@pytest.fixture
async def stand(redis: Redis) -> AsyncIterator[Stand]:
    name = f"t{uuid4().hex}"
    table = RedisTable(redis, name)
    epoch = (await table.take(0, LOG)).epoch
    assert await table.begin(0, epoch, LOG, Position(4, 5)) is Answer.OK
    assert await table.open(0, epoch, OPEN_AT) is Answer.OK
    stand = Stand(redis, table, Slot(name, 0), epoch)
    yield stand
    async for key in redis.scan_iter(f"{stand.slot.prefix}:*"):
        await redis.unlink(key)


#: A cluster's servers are other ones for each slot.
one_server = pytest.mark.parametrize("redis", ["redis-py", "pipelined", "sentinel"], indirect=True)


async def test_an_epoch_is_the_servers_time_or_more(stand: Stand) -> None:
    for _ in range(20):
        before = round(await server_ms(stand.redis) * 1000)
        epoch = (await stand.table.take(0, LOG)).epoch
        assert before <= epoch <= round(await server_ms(stand.redis) * 1000)
        assert (await stand.stored())["epoch"] == str(epoch)
    later = before + 10**12
    await stand.put(epoch=later)
    assert (await stand.table.take(0, LOG)).epoch == later + 1


async def test_a_restore_begins_closed_at_its_position(stand: Stand) -> None:
    assert await stand.table.begin(0, stand.epoch, "log-2", Position(8, 9)) is Answer.OK
    expected = {"epoch": stand.epoch, "incarnation": "log-2", "offset": 8, "clock": 9, "restoring": 1}
    stored = await stand.stored()
    stored.pop("master")
    assert stored == {name: str(value) for name, value in expected.items()}


@one_server
async def test_a_restore_ends_open_on_this_server(stand: Stand) -> None:
    expected = {"epoch": stand.epoch, "incarnation": LOG, "offset": 4, "clock": 5}
    expected |= {"open_at": OPEN_AT, "master": await stand.master()}
    assert await stand.stored() == {name: str(value) for name, value in expected.items()}


async def test_a_commit_moves_the_position_and_nothing_else_of_it(stand: Stand) -> None:
    before = await stand.stored()
    assert await stand.table.commit(0, Commit(stand.epoch, 4, 6, 11)) is Answer.OK
    assert await stand.stored() == before | {"offset": "6", "clock": "11"}


async def test_a_commit_of_nothing_new_is_no_repeat(stand: Stand) -> None:
    commit = Commit(stand.epoch, 4, 4, 12, puts={"a": {"x": b"1"}})
    assert await stand.table.commit(0, commit) is Answer.OK
    assert (await stand.stored())["clock"] == "12"
    assert await stand.table.load(0, stand.epoch, ["a"]) == {"a": {"x": b"1"}}


async def test_without_a_position_everything_is_lost_even_to_its_owner(stand: Stand) -> None:
    table, epoch = stand.table, stand.epoch
    await stand.redis.unlink(stand.slot.position)
    assert await table.commit(0, Commit(epoch, 4, 5, 6)) is Answer.LOST
    assert await table.begin(0, epoch, LOG, Position(0, 0)) is Answer.LOST
    assert await table.open(0, epoch, 1) is Answer.LOST
    for read in (table.load(0, epoch, ["a"]), table.dump(0, epoch, ["a"]), table.counted(0, epoch)):
        with pytest.raises(PositionLost):
            await read
    with pytest.raises(PositionLost):
        await table.stands(0, epoch)
    assert await stand.stored() == {}


async def test_a_position_is_lost_before_anybody_is_fenced_and_an_epoch_is_not_enough(stand: Stand) -> None:
    await stand.redis.hdel(stand.slot.position, "offset")
    before = await stand.stored()
    assert await stand.table.commit(0, Commit(stand.epoch - 1, 4, 5, 6)) is Answer.LOST
    assert await stand.table.open(0, stand.epoch - 1, 1) is Answer.LOST
    with pytest.raises(PositionLost):
        await stand.table.stands(0, stand.epoch - 1)
    assert await stand.stored() == before


@pytest.mark.parametrize("by", [-1, 1])
async def test_any_other_epoch_is_fenced(stand: Stand, by: int) -> None:
    table, other, before = stand.table, stand.epoch + by, await stand.stored()
    assert await table.commit(0, Commit(other, 4, 5, 6)) is Answer.FENCED
    assert await table.begin(0, other, LOG, Position(0, 0)) is Answer.FENCED
    assert await table.open(0, other, 1) is Answer.FENCED
    for read in (table.load(0, other, ["a"]), table.dump(0, other, ["a"]), table.stands(0, other, 0)):
        with pytest.raises(Fenced):
            await read
    assert await stand.stored() == before


async def test_a_table_of_another_log_or_one_whose_restore_did_not_end_loses_its_position(stand: Stand) -> None:
    for field, value, other in (("incarnation", "log-2", "log-2"), ("restoring", "1", "")):
        await stand.put(**{"incarnation": LOG, "offset": 4, "open_at": OPEN_AT, field: value})
        taken = await stand.table.take(0, LOG)
        assert (taken.position, taken.other_log) == (None, other)
        assert not {"offset", "open_at"} & (await stand.stored()).keys()


@one_server
async def test_a_look_opens_what_another_server_opened_if_nothing_is_missing(stand: Stand) -> None:
    await stand.put(master="another")
    closed = await stand.stored()
    assert await stand.table.stands(0, stand.epoch) == 4
    assert await stand.table.stands(0, stand.epoch, 5) == 4
    assert await stand.stored() == closed, "nobody vouches for it, or a commit is missing"
    before = int(await server_ms(stand.redis))
    assert await stand.table.stands(0, stand.epoch, 4) == 4
    stored = await stand.stored()
    assert before + SETTLE_MS <= int(stored["open_at"]) <= await server_ms(stand.redis) + SETTLE_MS
    assert stored == closed | {"master": await stand.master(), "open_at": stored["open_at"]}
    await stand.put(open_at=OPEN_AT)
    await stand.table.stands(0, stand.epoch, 4)
    assert await stand.stored() == stored | {"open_at": str(OPEN_AT)}, "it is this server's now"


@one_server
async def test_a_look_opens_no_sooner_than_its_owner_said(stand: Stand) -> None:
    late = int(await server_ms(stand.redis)) + 10**9
    await stand.put(master="another", open_at=late)
    await stand.table.stands(0, stand.epoch, 3)
    stored = await stand.stored()
    assert (stored["master"], stored["open_at"]) == (await stand.master(), str(late))


@one_server
async def test_a_look_opens_nothing_that_is_being_restored(stand: Stand) -> None:
    await stand.redis.hdel(stand.slot.position, "open_at")
    await stand.put(master="another")
    before = await stand.stored()
    assert await stand.table.stands(0, stand.epoch, 4) == 4
    assert await stand.stored() == before


@one_server
async def test_a_look_notes_the_server_where_an_older_owner_did_not(stand: Stand) -> None:
    await stand.redis.hdel(stand.slot.position, "master")
    await stand.table.stands(0, stand.epoch, 4)
    stored = await stand.stored()
    assert (stored["master"], stored["open_at"]) == (await stand.master(), str(OPEN_AT))


async def test_a_restore_drops_what_was_folded_and_not_the_quarantine(stand: Stand) -> None:
    change = Commit(stand.epoch, 4, 5, 6, puts={f"e{n}": {"x": b"1"} for n in range(5)}, counters={"a": 1})
    change.exemplars["b"] = "t1 0.5 10"
    await stand.table.commit(0, change)
    await stand.redis.hset(stand.slot.quarantine, "x", "1")
    assert await stand.table.begin(0, stand.epoch, LOG, Position(0, 0)) is Answer.OK
    left = {key async for key in stand.redis.scan_iter(f"{stand.slot.prefix}:*")}
    assert left == {stand.slot.position.encode(), stand.slot.quarantine.encode()}


async def test_each_step_of_a_restore_closes_the_partition_by_itself(stand: Stand) -> None:
    table, entity = stand.table, stand.slot.entity("a")
    await stand.redis.hset(entity, "x", "1")
    assert await table._drop_keys(stand.slot, stand.epoch, [entity]) is Answer.OK
    assert not {"offset", "open_at"} & (await stand.stored()).keys()
    assert not await stand.redis.exists(entity)
    await stand.put(open_at=OPEN_AT)
    assert await table._begin(keys=[stand.slot.position], args=[stand.epoch, LOG, 8, 9]) == b"ok"
    assert "open_at" not in await stand.stored()
