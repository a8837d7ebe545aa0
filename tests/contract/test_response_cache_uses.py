"""What looks for cached answers change in Redis: uses, counts, and who makes the call."""

import pytest
from redis.asyncio import Redis

from connectors.redis.response_cache import WAIT, Hit, Keep, Lead, RedisResponseCache
from tests.support.quotas import scores
from tests.support.redis_clock import assert_lasts, assert_times_are_the_servers, server_ms
from tests.support.response_cache import (
    BODY,
    FULL,
    KEYS,
    LRU,
    NEAR,
    ORG,
    PLAIN,
    SCOPES,
    SPACE_LRU,
    look,
    member,
    put,
)

LEASE_MS = 60_000


pytestmark = pytest.mark.usefixtures("no_answers")


@pytest.fixture
def cache(redis: Redis) -> RedisResponseCache:
    return RedisResponseCache(redis, lease_ms=LEASE_MS)


async def test_a_hit_is_the_latest_use_and_says_how_old_its_answer_is(cache: RedisResponseCache, redis: Redis) -> None:
    await put(cache, keep=FULL)
    await redis.hset(KEYS.entry("d"), "at", int(await server_ms(redis)) - 500_000)
    for _ in range(10):
        before_us = round(await server_ms(redis) * 1000)
        hit = await cache.take(look("d"))
        after_us = round(await server_ms(redis) * 1000)
        assert isinstance(hit, Hit)
        assert (hit.kind, hit.body, hit.saved_nano) == ("fresh", BODY, 2**53 + 1)
        assert 500_000 <= hit.age_ms <= 560_000
        used = [await scores(redis, key) for key in (LRU, KEYS.lru, SPACE_LRU)]
        assert used == [used[0]] * 3
        assert used[0].keys() == {member("d")}
        assert before_us <= used[0][member("d")] <= after_us
    assert (await scores(redis, NEAR))[member("d")] < before_us, "texts are by when they were stored"


@pytest.mark.parametrize(("keep", "saves"), [(PLAIN, False), (FULL, True)])
@pytest.mark.parametrize("counted", ["exact", "shared", "semantic"])
async def test_hits_are_counted_by_what_they_are_and_save(
    cache: RedisResponseCache, redis: Redis, keep: Keep, saves: bool, counted: str
) -> None:
    await put(cache, keep=keep)
    before = await cache.stats(ORG)
    assert isinstance(await cache.take(look("d"), counted=counted), Hit)  # type: ignore[arg-type]
    changed = {f"{one}|hits": 1 for one in SCOPES} | {f"kind={counted}|hits": 1}
    if saves:
        changed |= {f"{one}|saved_nano": 2**53 + 1 for one in SCOPES}
    if counted == "semantic":
        changed |= {f"{one}|misses": -1 for one in SCOPES}
    assert await cache.stats(ORG) == before | {name: before.get(name, 0) + by for name, by in changed.items()}
    assert not [key async for key in redis.scan_iter("{cache}:lru:s:*")] or keep.space


async def staled(cache: RedisResponseCache, redis: Redis, keep: Keep = FULL) -> None:
    """Store an answer that is stale by now."""
    await put(cache, keep=keep)
    now_ms = int(await server_ms(redis))
    await redis.hset(KEYS.entry("d"), mapping={"at": now_ms - 500_000, "fresh": now_ms - 1})


async def test_a_stale_answer_is_made_by_one_and_given_to_the_others(cache: RedisResponseCache, redis: Redis) -> None:
    await staled(cache, redis)
    given = await cache.take(look("d"), may_lead=False)
    assert isinstance(given, Hit)
    assert (given.kind, given.body, given.saved_nano) == ("stale", BODY, 2**53 + 1)
    assert 500_000 <= given.age_ms <= 560_000
    assert not await redis.exists(KEYS.lease("d"))
    before = await server_ms(redis)
    lead = await cache.take(look("d"))
    assert isinstance(lead, Lead)
    assert int(before) <= lead.began_ms <= await server_ms(redis)
    assert lead.stale is not None
    assert (lead.stale.kind, lead.stale.body, lead.stale.saved_nano) == ("stale", BODY, 2**53 + 1)
    assert 500_000 <= lead.stale.age_ms <= 560_000
    assert await redis.get(KEYS.lease("d")) == b"t"
    assert isinstance(await cache.take(look("d", "other")), Hit)
    stats = await cache.stats(ORG)
    assert (stats["all|misses"], stats["all|hits"], stats["kind=stale|hits"]) == (2, 2, 2)


async def test_a_stale_answer_of_the_same_meaning_is_counted_as_one(cache: RedisResponseCache, redis: Redis) -> None:
    await staled(cache, redis)
    given = await cache.take(look("d"), counted="semantic", may_lead=False)
    assert isinstance(given, Hit)
    stats = await cache.stats(ORG)
    assert (given.kind, stats["kind=semantic|hits"], stats["all|misses"]) == ("stale", 1, 0)
    assert "kind=stale|hits" not in stats


async def test_an_answer_whose_time_is_over_is_none_before_it_is_removed(
    cache: RedisResponseCache, redis: Redis
) -> None:
    await put(cache, keep=FULL)
    await redis.hset(KEYS.entry("d"), mapping={"fresh": 1, "until": int(await server_ms(redis)) - 1})
    assert await cache.take(look("d"), may_lead=False) == WAIT
    lead = await cache.take(look("d"))
    assert isinstance(lead, Lead)
    assert lead.stale is None


async def test_a_flight_is_its_holders_for_its_lease(cache: RedisResponseCache, redis: Redis) -> None:
    lease = KEYS.lease("d")

    async def began() -> float:
        await redis.unlink(lease)
        lead = await cache.take(look("d"))
        assert isinstance(lead, Lead)
        return lead.began_ms

    await assert_times_are_the_servers(redis, began)
    await assert_lasts(redis, lease, LEASE_MS)
    assert isinstance(await cache.take(look("d")), Lead), "its holder asks again"
    assert await cache.take(look("d", "other")) == WAIT
    assert await redis.get(lease) == b"t"
    await redis.pexpire(lease, LEASE_MS // 2)
    assert not await cache.renew(look("d", "other"))
    assert await redis.pttl(lease) <= LEASE_MS // 2
    assert await cache.renew(look("d"))
    await assert_lasts(redis, lease, LEASE_MS)
    await cache.release(look("d", "other"))
    assert await redis.exists(lease)
    await cache.release(look("d"))
    assert not await redis.exists(lease)
    assert not await cache.renew(look("d")), "it is nobody's"
