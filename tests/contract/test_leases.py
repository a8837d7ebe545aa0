"""Leases on a real Redis: one owner at a time, one stored outcome, and nothing assumed of what Redis kept."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from redis.asyncio import Redis

from connectors.redis.claims.leases import KEEP_MS, Busy, ClaimAnswer, Done, Ended, Granted, Published, RedisLeases
from connectors.redis.keys import runs_slot
from schemas.errors import Unavailable
from schemas.metrics import PROVIDER_REQUESTS_TOTAL, WORKERS_COUNTERS_KEY
from schemas.metrics.fields import counter_field
from schemas.tables.runs import STATUS
from tests.support.redis_clock import assert_lasts, assert_times_are_the_servers
from tests.support.runs_table import open_runs

PARTITIONS = 12
LONG_MS = 60_000
SHORT_MS = 40


class World:
    """One attempt and the workers that meet over it."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.run = str(uuid.uuid4())
        self.request = f"{self.run}:ask:1"
        self.slot = runs_slot(self.run, PARTITIONS)
        self.key = self.slot.claim(self.request)

    def worker(self, name: str, lease_ms: int = LONG_MS) -> RedisLeases:
        return RedisLeases(self.redis, PARTITIONS, name, lease_ms)

    async def take(self, claims: RedisLeases) -> ClaimAnswer:
        return await claims.take(self.run, self.request)

    async def granted(self, claims: RedisLeases) -> Granted:
        answer = await self.take(claims)
        assert isinstance(answer, Granted), answer
        return answer


@pytest.fixture
async def world(redis: Redis) -> AsyncIterator[World]:
    world = World(redis)
    await open_runs(redis, PARTITIONS)
    yield world
    await redis.unlink(world.key, world.slot.entity(world.run))


async def until(found: Callable[[], Awaitable[bool]], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not await found():
        assert time.monotonic() < deadline, f"not within {seconds:g} s"
        await asyncio.sleep(0.005)


async def test_a_claim_needs_no_run_in_the_table(world: World) -> None:
    granted = await world.granted(world.worker("a"))
    assert (granted.starts, granted.calls) == (1, 1)


async def test_one_of_many_workers_gets_it(world: World) -> None:
    answers = await asyncio.gather(*(world.take(world.worker(f"w{i}")) for i in range(20)))
    assert sum(isinstance(a, Granted) for a in answers) == 1
    busy = [a for a in answers if isinstance(a, Busy)]
    assert len(busy) == 19
    assert all(0 < a.remaining_ms <= LONG_MS for a in busy)


async def test_two_processes_under_one_name_are_two(world: World) -> None:
    first, second = world.worker("same"), world.worker("same")
    granted = await world.granted(first)
    assert isinstance(await world.take(second), Busy)
    assert not await second.renew(granted)
    assert not await second.release(granted)


async def test_a_lease_that_is_over_goes_to_another_and_starts_are_counted(world: World) -> None:
    dying, heir = world.worker("dying", SHORT_MS), world.worker("heir")
    first = await world.granted(dying)

    async def taken_over() -> bool:
        return isinstance(await world.take(heir), Granted)

    await until(taken_over)
    assert await world.redis.hget(world.key, "starts") == b"2"
    assert not await dying.renew(first), "the lease is another's"
    assert not await dying.release(first), "nor may it be released"


async def test_renewing_keeps_it(world: World) -> None:
    owner, rival = world.worker("owner", 300), world.worker("rival")
    granted = await world.granted(owner)
    for _ in range(8):
        await asyncio.sleep(0.06)
        assert await owner.renew(granted)
        assert isinstance(await world.take(rival), Busy)


async def test_an_outcome_is_given_byte_for_byte_until_it_is_published(world: World) -> None:
    owner, other = world.worker("owner"), world.worker("other")
    granted = await world.granted(owner)
    result = bytes(range(256))
    assert await owner.finish(granted, result, {})
    assert await world.take(other) == Done(result)
    assert await world.take(other) == Done(result)
    await other.published(world.run, world.request)
    assert await world.take(owner) == Published()
    assert await world.redis.hget(world.key, "result") is None
    assert 0 < await world.redis.pttl(world.key) <= 3_600_000


async def test_the_first_outcome_stays(world: World) -> None:
    slow, quick = world.worker("slow", SHORT_MS), world.worker("quick")
    late = await world.granted(slow)

    async def taken_over() -> bool:
        answer = await world.take(quick)
        if isinstance(answer, Granted):
            return await quick.finish(answer, b"quick", {})
        return False

    await until(taken_over)
    assert not await slow.finish(late, b"slow", {})
    assert await world.take(slow) == Done(b"quick")


async def test_storing_it_again_after_a_lost_reply_is_the_same(world: World) -> None:
    owner = world.worker("owner")
    granted = await world.granted(owner)
    assert await owner.finish(granted, b"r", {})
    assert await owner.finish(granted, b"r", {})
    await owner.published(world.run, world.request)
    assert not await owner.finish(granted, b"r", {})
    assert await world.take(owner) == Published()


async def test_counts_are_added_with_the_outcome(world: World) -> None:
    owner = world.worker("owner")
    labels = (("provider", "local"), ("model", f"m-{uuid.uuid4().hex}"), ("outcome", "ok"))
    field = counter_field(PROVIDER_REQUESTS_TOTAL, labels)
    await owner.finish(await world.granted(owner), b"r", {field: 2})
    assert await world.redis.hget(WORKERS_COUNTERS_KEY, field) == b"2"
    await world.redis.hdel(WORKERS_COUNTERS_KEY, field)


async def test_a_released_attempt_is_taken_at_once_and_is_no_start(world: World) -> None:
    leaving, next_ = world.worker("leaving"), world.worker("next")
    first = await world.granted(leaving)
    assert await leaving.release(first)
    second = await world.granted(next_)
    assert (second.starts, second.calls) == (1, 2)
    assert second.call_id != first.call_id, "each start's call is another call"
    assert not await leaving.finish(first, b"late", {}), "what was given back is another's now"


@pytest.mark.parametrize("status", ["succeeded", "failed", "canceled"])
async def test_a_run_that_is_over_is_told(world: World, status: str) -> None:
    await world.redis.hset(world.slot.entity(world.run), STATUS, status)
    assert await world.take(world.worker("a")) == Ended(status)
    assert not await world.redis.exists(world.key), "and leaves no claim"


@pytest.mark.parametrize("status", ["queued", "running"])
async def test_a_run_that_goes_on_is_no_obstacle(world: World, status: str) -> None:
    await world.redis.hset(world.slot.entity(world.run), STATUS, status)
    await world.granted(world.worker("a"))


async def test_an_outcome_of_a_run_that_is_over_is_still_given(world: World) -> None:
    owner = world.worker("owner")
    await owner.finish(await world.granted(owner), b"paid for", {})
    await world.redis.hset(world.slot.entity(world.run), STATUS, "canceled")
    assert await world.take(owner) == Done(b"paid for")


async def test_a_claim_that_redis_lost_is_put_back_by_its_owner(world: World) -> None:
    owner, rival = world.worker("owner"), world.worker("rival")
    granted = await world.granted(owner)
    await world.redis.unlink(world.key)
    assert await owner.renew(granted)
    assert isinstance(await world.take(rival), Busy)
    assert await owner.finish(granted, b"r", {})
    assert await world.take(rival) == Done(b"r")


async def test_after_a_loss_a_new_start_makes_another_call(world: World) -> None:
    first = await world.granted(world.worker("a"))
    await world.redis.unlink(world.key)
    await asyncio.sleep(0.002)
    second = await world.granted(world.worker("b"))
    assert second.starts == first.starts == 1
    assert second.call_id != first.call_id


async def test_a_lease_lasts_from_the_servers_time_and_its_claim_for_a_week(world: World) -> None:
    owner = world.worker("owner")

    async def made() -> int:
        await world.redis.unlink(world.key)
        granted = await world.granted(owner)
        assert await world.redis.hget(world.key, "until") == b"%d" % (granted.made_ms + LONG_MS)
        return granted.made_ms

    await assert_times_are_the_servers(world.redis, made)
    await assert_lasts(world.redis, world.key, KEEP_MS)
    assert not await world.redis.exists(world.slot.entity(world.run)), "a claim is no entry of its run"


async def test_renewing_extends_a_lease_and_the_claim(world: World) -> None:
    owner = world.worker("owner")
    granted = await world.granted(owner)
    await world.redis.pexpire(world.key, LONG_MS)

    async def renewed() -> int:
        assert await owner.renew(granted)
        return int(await world.redis.hget(world.key, "until") or 0) - LONG_MS

    await assert_times_are_the_servers(world.redis, renewed)
    await assert_lasts(world.redis, world.key, KEEP_MS)


async def test_a_claim_is_put_back_as_it_was_granted(world: World) -> None:
    owner = world.worker("owner")
    await world.granted(owner)
    own = await world.redis.hget(world.key, "owner")
    await world.redis.unlink(world.key)
    assert await owner.renew(Granted(world.run, world.request, 3, 4, 5))
    stored = await world.redis.hgetall(world.key)
    stored.pop(b"until")
    assert stored == {b"state": b"running", b"owner": own, b"starts": b"3", b"calls": b"4", b"made": b"5"}


async def test_an_outcome_ends_a_lease_and_is_kept_for_a_week(world: World) -> None:
    owner = world.worker("owner")
    granted = await world.granted(owner)
    own = await world.redis.hget(world.key, "owner")
    await world.redis.pexpire(world.key, LONG_MS)
    assert await owner.finish(granted, b"r", {})
    assert await world.redis.hmget(world.key, "state", "owner", "result") == [b"done", own, b"r"]
    await assert_lasts(world.redis, world.key, KEEP_MS)
    assert not await owner.renew(granted)
    assert not await owner.release(granted)


@pytest.mark.parametrize("lost", [True, False])
async def test_an_outcome_is_stored_where_nobody_has_the_attempt(world: World, lost: bool) -> None:
    owner, other = world.worker("owner"), world.worker("other")
    granted = await world.granted(owner)
    if lost:
        await world.redis.unlink(world.key)
    else:
        await owner.release(granted)
    assert await owner.finish(granted, b"r", {})
    assert await world.take(other) == Done(b"r")


async def test_a_released_claim_is_nobodys(world: World) -> None:
    owner = world.worker("owner")
    granted = await world.granted(owner)
    assert not await world.worker("other").release(granted)
    assert await owner.release(granted)
    assert await world.redis.hmget(world.key, "owner", "until", "starts") == [b"", b"0", b"0"]
    assert not await owner.release(granted), "nor the one's that gave it back"
    assert not await owner.renew(granted)
    # Whatever time is on it: it is free.
    await world.redis.hset(world.key, "until", 2**52)
    await world.granted(world.worker("next"))


async def test_a_busy_attempt_names_who_has_it(world: World) -> None:
    await world.granted(world.worker("owner"))
    busy = await world.take(world.worker("rival"))
    assert isinstance(busy, Busy)
    assert busy.owner.startswith("owner/")
    assert 0.9 * LONG_MS < busy.remaining_ms <= LONG_MS


async def test_it_works_after_redis_forgot_its_scripts(world: World) -> None:
    owner = world.worker("owner")
    granted = await world.granted(owner)
    await world.redis.script_flush()
    assert await owner.finish(granted, b"r", {})
    await world.redis.script_flush()
    assert await world.take(owner) == Done(b"r")


async def test_nothing_is_claimed_while_the_table_of_runs_is_lost_or_being_restored(world: World) -> None:
    position, owner = world.slot.position, world.worker("a")
    kept: dict[Any, Any] = await world.redis.hgetall(position)
    try:
        await world.redis.delete(position)
        with pytest.raises(Unavailable, match="not yet restored"):
            await world.take(owner)
        await world.redis.hset(position, mapping={"offset": 0, "restoring": 1})
        with pytest.raises(Unavailable, match="not yet restored"):
            await world.take(owner)
        assert not await world.redis.exists(world.key)
        # What the table says of a run that is over holds in any case.
        await world.redis.hset(world.slot.entity(world.run), STATUS, "succeeded")
        assert await world.take(owner) == Ended("succeeded")
    finally:
        await world.redis.delete(position)
        await world.redis.hset(position, mapping=kept)


async def test_a_redis_that_is_down_is_unavailable() -> None:
    # Port 1 on loopback: nothing listens there.
    redis = Redis.from_url("redis://127.0.0.1:1/0", retry=None)
    claims = RedisLeases(redis, PARTITIONS, "a", LONG_MS)
    granted = Granted("run", "run:ask:1", 1, 1, 1)
    with pytest.raises(Unavailable, match="redis: claim run:ask:1"):
        await claims.take("run", "run:ask:1")
    with pytest.raises(Unavailable):
        await claims.renew(granted)
    with pytest.raises(Unavailable):
        await claims.finish(granted, b"r", {})
    with pytest.raises(Unavailable):
        await claims.published("run", "run:ask:1")
    with pytest.raises(Unavailable):
        await claims.release(granted)
    await redis.aclose()
