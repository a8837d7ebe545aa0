"""Cached answers on a real Redis: flights, bounds, expiry, purges and counts."""

import asyncio
import uuid
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from connectors.aio.clock import WallClock
from connectors.redis.keys import CacheKeys
from connectors.redis.response_cache import WAIT, Bounds, Hit, Keep, Lead, Lookup, Near, RedisResponseCache
from services.caching.flights import Flight, Flights

HOUR = Keep(ttl_ms=3_600_000)
SCOPES = ("all", "workflow=w", "prompt=p")
#: What an entry of these tests is counted as besides its body, at most.
ENTRY_MOST = 1_950


pytestmark = pytest.mark.usefixtures("no_answers")


@pytest.fixture
def cache(redis: Redis) -> RedisResponseCache:
    return RedisResponseCache(redis)


def look(digest: str, token: str = "", org_id: str = "acme") -> Lookup:
    return Lookup(org_id, digest, token or uuid.uuid4().hex, SCOPES)


async def put(cache: RedisResponseCache, wanted: Lookup, body: bytes = b"answer", keep: Keep = HOUR) -> bool:
    lead = await cache.take(wanted)
    assert isinstance(lead, Lead)
    return await cache.store(wanted, lead.began_ms, body, keep)


async def has(cache: RedisResponseCache, digest: str, org_id: str = "acme") -> bool:
    return isinstance(await cache.take(look(digest, org_id=org_id), may_lead=False), Hit)


async def test_one_leads_and_the_answer_is_of_all(cache: RedisResponseCache) -> None:
    leader = look("d")
    lead = await cache.take(leader)
    assert isinstance(lead, Lead)
    assert [await cache.take(look("d")) for _ in range(3)] == [WAIT] * 3
    # The reply of the first try was lost: the same one asks again.
    assert isinstance(await cache.take(leader), Lead)
    assert await cache.store(leader, lead.began_ms, b"answer", replace(HOUR, saved_nano=7))
    hit = await cache.take(look("d"), counted="shared")
    assert isinstance(hit, Hit)
    assert (hit.kind, hit.body, hit.saved_nano) == ("fresh", b"answer", 7)


async def test_another_organisation_has_another_entry(cache: RedisResponseCache) -> None:
    await put(cache, look("d"))
    assert isinstance(await cache.take(look("d", org_id="other")), Lead)


async def test_a_lead_is_renewed_given_back_and_only_by_its_holder(redis: Redis) -> None:
    cache = RedisResponseCache(redis, lease_ms=60_000)
    leader, other = look("d"), look("d")
    await cache.take(leader)
    assert (await cache.renew(leader), await cache.renew(other)) == (True, False)
    await cache.release(other)
    assert await cache.take(other) == WAIT
    await cache.release(leader)
    assert isinstance(await cache.take(other), Lead)


async def test_a_dead_leader_hands_over_within_its_lease(redis: Redis) -> None:
    cache = RedisResponseCache(redis, lease_ms=300)
    await cache.take(look("d"))
    entered = await Flights(cache, WallClock()).enter(look("d", "next"), 60.0)
    assert isinstance(entered, Flight)
    assert entered.look.token == "next"


async def test_a_stale_answer_is_of_all_but_the_one_that_makes_the_new_one(
    cache: RedisResponseCache, redis: Redis
) -> None:
    await put(cache, look("d"), keep=Keep(ttl_ms=1, stale_ms=3_600_000))
    await asyncio.sleep(0.01)
    leader = look("d")
    lead = await cache.take(leader)
    assert isinstance(lead, Lead)
    assert lead.stale is not None
    others = [await cache.take(look("d")) for _ in range(3)]
    assert [isinstance(one, Hit) and one.kind for one in others] == ["stale"] * 3
    await cache.store(leader, lead.began_ms, b"new", HOUR)
    hit = await cache.take(look("d"))
    assert isinstance(hit, Hit)
    assert (hit.kind, hit.body) == ("fresh", b"new")


async def test_an_answer_whose_time_is_over_is_removed_and_no_longer_counted(
    cache: RedisResponseCache, redis: Redis
) -> None:
    await put(cache, look("d"), keep=Keep(ttl_ms=1))
    await asyncio.sleep(0.01)
    assert isinstance(await cache.take(look("other")), Lead)
    assert await redis.exists(CacheKeys("acme").entry("d")) == 0
    stats = await cache.stats("acme")
    assert (await cache.size("acme"), stats["all|bytes"], stats["prompt=p|entries"]) == (0, 0, 0)


async def test_the_least_recently_used_leave_first(redis: Redis) -> None:
    cache = RedisResponseCache(redis, Bounds(all_bytes=10 * ENTRY_MOST, org_bytes=3 * ENTRY_MOST))
    for digest in "abcd":
        await put(cache, look(digest), b"x" * 1_000)
    assert await has(cache, "a") is False
    assert await has(cache, "b")
    await put(cache, look("e"), b"x" * 1_000)
    assert [await has(cache, digest) for digest in "bcde"] == [True, False, True, True]


async def test_an_organisation_makes_room_at_its_own_cost_and_all_together_at_the_oldests(redis: Redis) -> None:
    cache = RedisResponseCache(redis, Bounds(all_bytes=4 * ENTRY_MOST, org_bytes=3 * ENTRY_MOST))
    await put(cache, look("quiet", org_id="b"), b"x" * 1_000)
    for digest in "abcd":
        await put(cache, look(digest), b"x" * 1_000)
    assert await has(cache, "quiet", "b")
    await put(cache, look("c", org_id="c"), b"x" * 1_000)
    assert not await has(cache, "b")


async def test_a_space_is_bounded_on_its_own(redis: Redis, cache: RedisResponseCache) -> None:
    spaced = replace(HOUR, space="w/n", space_bytes=2 * ENTRY_MOST)
    await put(cache, look("outside"), b"x" * 1_000)
    for digest in "abc":
        await put(cache, look(digest), b"x" * 1_000, spaced)
    assert [await has(cache, digest) for digest in ("outside", "a", "b", "c")] == [True, False, True, True]


@pytest.mark.parametrize("keep", [HOUR, replace(HOUR, space="w", space_bytes=1_024)])
async def test_an_answer_that_is_larger_than_a_bound_is_not_stored_and_removes_nothing(
    redis: Redis, keep: Keep
) -> None:
    cache = RedisResponseCache(redis, Bounds(all_bytes=8 * ENTRY_MOST, org_bytes=4 * ENTRY_MOST))
    await put(cache, look("a"))
    assert not await put(cache, look("b"), b"x" * 5 * ENTRY_MOST, keep)
    assert (await has(cache, "a"), await has(cache, "b")) == (True, False)
    # The flight is over nevertheless.
    assert isinstance(await cache.take(look("b")), Lead)


@pytest.mark.parametrize("redis", ["pipelined"], indirect=True)
async def test_ten_times_the_bound_leaves_room_for_tables(redis: Redis) -> None:
    bound = 400_000
    cache = RedisResponseCache(redis, Bounds(all_bytes=bound, org_bytes=bound))
    before = (await redis.info("memory"))["used_memory"]
    for n in range(10 * bound // 10_000):
        assert await put(cache, look(str(n)), b"x" * 10_000)
        assert await cache.size("acme") <= bound
    assert (await redis.info("memory"))["used_memory"] - before < 1.5 * bound
    assert int(await redis.hget(CacheKeys("acme").bytes, "all") or 0) == await cache.size("acme")
    assert (await cache.stats("acme"))["all|bytes"] == await cache.size("acme")


@pytest.mark.parametrize("redis", ["redis-py", "pipelined"], indirect=True)
async def test_what_is_counted_covers_what_redis_uses(cache: RedisResponseCache, redis: Redis) -> None:
    keep = replace(HOUR, marks=("#tag:team=a", "#prompt=p@1"), space="w/n", space_bytes=10**9)
    before = (await redis.info("memory"))["used_memory"]
    for n in range(500):
        await put(cache, look(f"{n:064}"), b"x" * 200, keep)
    used = (await redis.info("memory"))["used_memory"] - before
    assert used <= await cache.size("acme") <= 3 * used


async def test_purges_by_scopes_take_what_has_all_of_them(cache: RedisResponseCache) -> None:
    for n in range(4):
        marks = (f"#prompt=p@{n % 2}", f"#tag:team={'a' if n < 2 else 'b'}")
        await put(cache, look(str(n)), keep=replace(HOUR, marks=marks))
    await put(cache, look("0", org_id="other"))
    assert (await cache.purge("acme", ["prompt=none"])).entries == 0
    assert (await cache.purge("acme", ["#prompt=p@1", "#tag:team=a"])).entries == 1
    assert [await has(cache, str(n)) for n in range(4)] == [True, False, True, True]
    assert (await cache.purge("acme", [])).entries == 3
    assert (await cache.size("acme"), (await cache.stats("acme"))["all|entries"]) == (0, 0)
    assert await has(cache, "0", "other")


@pytest.mark.parametrize("redis", ["pipelined"], indirect=True)
async def test_a_purge_takes_more_than_one_page(cache: RedisResponseCache) -> None:
    for n in range(1_300):
        await put(cache, look(str(n)))
    purged = await cache.purge("acme", ["workflow=w"])
    assert (purged.entries, await cache.size("acme")) == (1_300, 0)
    assert purged.bytes > 1_300 * 700


async def test_an_answer_to_a_call_that_began_before_a_purge_is_not_stored(cache: RedisResponseCache) -> None:
    early = look("d")
    lead = await cache.take(early)
    assert isinstance(lead, Lead)
    await cache.purge("acme", ["prompt=p"])
    assert not await cache.store(early, lead.began_ms, b"old", HOUR)
    await asyncio.sleep(0.005)
    assert await put(cache, look("d"))


async def test_hits_misses_and_money_are_counted_by_scope(cache: RedisResponseCache) -> None:
    await put(cache, look("d"), keep=replace(HOUR, saved_nano=2**53 + 1))
    await cache.take(look("d"))
    await cache.take(look("d"), counted="shared")
    stats = await cache.stats("acme")
    for scope in SCOPES:
        assert (stats[f"{scope}|hits"], stats[f"{scope}|misses"], stats[f"{scope}|entries"]) == (2, 1, 1)
        assert stats[f"{scope}|saved_nano"] == 2 * (2**53 + 1)
    assert (stats["kind=exact|hits"], stats["kind=shared|hits"]) == (1, 1)


async def test_texts_of_a_partition_are_read_once_and_leave_with_their_answers(cache: RedisResponseCache) -> None:
    near = [replace(HOUR, near=Near("p", f"text {n}", bytes([n]))) for n in range(3)]
    await put(cache, look("a"), keep=near[0])
    await put(cache, look("other"), keep=replace(HOUR, near=Near("q", "text", b"v")))
    (first,) = await cache.neighbours("acme", "p", 0)
    assert (first.digest, first.text, first.vector) == ("a", "text 0", b"\x00")
    assert await cache.neighbours("acme", "p", first.at_us) == []
    assert await cache.neighbours("other", "p", 0) == []
    await put(cache, look("b"), keep=near[1])
    assert [one.digest for one in await cache.neighbours("acme", "p", first.at_us)] == ["b"]
    await cache.purge("acme", [])
    assert await cache.neighbours("acme", "p", 0) == []


async def test_a_semantic_hit_takes_back_its_miss(cache: RedisResponseCache) -> None:
    await put(cache, look("d"))
    waiting = look("alike")
    assert isinstance(await cache.take(waiting), Lead)
    assert isinstance(await cache.take(replace(waiting, digest="d"), counted="semantic", may_lead=False), Hit)
    stats = await cache.stats("acme")
    assert (stats["all|hits"], stats["all|misses"], stats["kind=semantic|hits"]) == (1, 1, 1)


async def test_a_partition_has_a_most(cache: RedisResponseCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.redis.response_cache.PARTITION_MOST", 2)
    for digest in "abc":
        await put(cache, look(digest), keep=replace(HOUR, near=Near("p", digest, b"v")))
    assert [one.digest for one in await cache.neighbours("acme", "p", 0)] == ["b", "c"]
    assert not await has(cache, "a")
