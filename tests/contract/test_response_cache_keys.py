"""What cached answers leave in Redis, key by key: sizes, bounds and counts, and nothing when they leave."""

from dataclasses import replace

import pytest
from redis.asyncio import Redis

from connectors.redis.response_cache import Bounds, Keep, Near, Purged, RedisResponseCache
from tests.support.quotas import scores
from tests.support.redis_clock import assert_lasts, assert_times_are_the_servers, server_ms
from tests.support.response_cache import (
    BODY,
    FULL,
    HOUR_MS,
    KEYS,
    LRU,
    NEAR,
    ORG,
    PLAIN,
    SCOPES,
    SPACE_LRU,
    UNTIL,
    counts,
    has,
    look,
    member,
    put,
    size_of,
)

LEASE_MS = 60_000
DAY_MS = 86_400_000


pytestmark = pytest.mark.usefixtures("no_answers")


@pytest.fixture
def cache(redis: Redis) -> RedisResponseCache:
    return RedisResponseCache(redis, lease_ms=LEASE_MS)


async def test_an_answer_is_stored_with_its_times_its_size_and_its_counts(
    cache: RedisResponseCache, redis: Redis
) -> None:
    before_us = round(await server_ms(redis) * 1000)
    assert await put(cache, keep=FULL)
    after_us, size = round(await server_ms(redis) * 1000), size_of(FULL)
    entry = await redis.hgetall(KEYS.entry("d"))
    at = int(entry.pop(b"at"))
    assert before_us // 1000 <= at <= after_us // 1000
    expected = {"body": BODY, "fresh": at + HOUR_MS, "until": at + 2 * HOUR_MS, "saved": 2**53 + 1, "size": size}
    expected |= {"org": ORG, "space": f"{ORG}|w/n", "scopes": "all\nworkflow=w\n#tag:team=a"}
    expected |= {"partition": "p", "text": "some text", "vector": b"\x00\xff"}
    plain = {
        name.encode(): value if isinstance(value, bytes) else str(value).encode() for name, value in expected.items()
    }
    assert entry == plain
    assert await scores(redis, UNTIL) == {member("d"): at + 2 * HOUR_MS}
    used = [await scores(redis, key) for key in (LRU, KEYS.lru, SPACE_LRU, NEAR)]
    assert used == [used[0]] * 4
    assert used[0].keys() == {member("d")}
    assert before_us <= used[0][member("d")] <= after_us
    assert await counts(redis, KEYS.bytes) == {"all": size, f"o:{ORG}": size, f"s:{ORG}|w/n": size}
    stats = {"bytes": size, "entries": 1, "misses": 1}
    expected_stats = {f"{one}|{what}": count for one in SCOPES for what, count in stats.items()}
    assert await counts(redis, KEYS.stats) == expected_stats
    assert not await redis.exists(KEYS.lease("d"))


async def test_an_answer_without_a_space_or_a_text_is_in_neither(cache: RedisResponseCache, redis: Redis) -> None:
    assert await put(cache)
    size = size_of(PLAIN)
    assert await counts(redis, KEYS.bytes) == {"all": size, f"o:{ORG}": size}
    assert not await redis.hexists(KEYS.entry("d"), "partition")
    keys = {key.decode() async for key in redis.scan_iter("{cache}:*")}
    assert keys == {LRU, KEYS.lru, UNTIL, KEYS.bytes, KEYS.stats, KEYS.entry("d")}


@pytest.mark.parametrize("keep", [PLAIN, FULL])
async def test_an_answer_leaves_nothing_behind(cache: RedisResponseCache, redis: Redis, keep: Keep) -> None:
    await put(cache, keep=keep)
    assert await cache.purge(ORG, []) == Purged(1, size_of(keep))
    assert {key.decode() async for key in redis.scan_iter("{cache}:*")} == {KEYS.bytes, KEYS.stats, KEYS.purged}
    assert set((await counts(redis, KEYS.bytes)).values()) == {0}
    left = {name: count for name, count in (await cache.stats(ORG)).items() if count}
    assert left == {f"{one}|misses": 1 for one in SCOPES}


async def test_a_new_answer_takes_the_place_of_the_old_one(cache: RedisResponseCache, redis: Redis) -> None:
    await put(cache, keep=FULL)
    assert await cache.store(look("d"), int(await server_ms(redis)), b"", PLAIN)
    size = size_of(PLAIN, body=b"")
    assert await counts(redis, KEYS.bytes) == {"all": size, f"o:{ORG}": size, f"s:{ORG}|w/n": 0}
    assert ((await cache.stats(ORG))["all|entries"], await redis.exists(NEAR, SPACE_LRU)) == (1, 0)


async def test_what_is_listed_without_an_entry_leaves_uncounted(cache: RedisResponseCache, redis: Redis) -> None:
    for key in (LRU, UNTIL, KEYS.lru):
        await redis.zadd(key, {member("ghost"): 2e15})
    assert await cache.purge(ORG, ["workflow=w"]) == Purged(1, 0)
    assert await redis.exists(LRU, UNTIL, KEYS.lru) == 0


async def test_each_look_removes_eight_of_those_whose_time_is_over(cache: RedisResponseCache, redis: Redis) -> None:
    digests = [str(n) for n in range(9)]
    for digest in digests:
        await put(cache, digest)
    await redis.zadd(UNTIL, {member(digest): n for n, digest in enumerate(digests)})
    await cache.take(look("other"), may_lead=False)
    assert await has(redis, *digests) == [False] * 8 + [True]
    assert (await cache.stats(ORG))["all|entries"] == 1


@pytest.mark.parametrize("bound", ["space", "organisation", "all"])
async def test_a_bound_is_filled_to_its_last_byte_and_then_the_oldest_leaves(redis: Redis, bound: str) -> None:
    keep = replace(FULL, near=None)
    size, plenty = size_of(keep), 10**6

    def sized(most: int) -> tuple[RedisResponseCache, Keep]:
        bounds = Bounds(
            all_bytes=most if bound == "all" else plenty, org_bytes=most if bound == "organisation" else plenty
        )
        return RedisResponseCache(redis, bounds), replace(keep, space_bytes=most if bound == "space" else plenty)

    cache, kept = sized(size - 1)
    assert not await put(cache, "a", kept)
    cache, kept = sized(size)
    assert await put(cache, "a", kept)
    cache, kept = sized(2 * size)
    assert await put(cache, "b", kept)
    assert await has(redis, "a", "b") == [True, True]
    assert await put(cache, "c", kept)
    assert await has(redis, "a", "b", "c") == [False, True, True]
    for key in (LRU, UNTIL, KEYS.lru, SPACE_LRU):
        assert (await scores(redis, key)).keys() == {member("b"), member("c")}
    assert await cache.size(ORG) == 2 * size


async def test_no_more_than_a_thousand_make_room_for_one(redis: Redis) -> None:
    cache = RedisResponseCache(redis, Bounds(all_bytes=10_000, org_bytes=10_000))
    await redis.hset(KEYS.bytes, "all", 10**9)
    await redis.zadd(LRU, {member(f"ghost-{n}"): n for n in range(1_002)})
    assert not await put(cache)
    assert await redis.zcard(LRU) == 2


async def test_where_nothing_can_leave_there_is_no_room(redis: Redis) -> None:
    await redis.hset(KEYS.bytes, "all", 10**9)
    assert not await put(RedisResponseCache(redis, Bounds(all_bytes=10_000, org_bytes=10_000)))
    assert await has(redis, "d") == [False]


async def test_a_partition_has_a_most_and_its_oldest_leaves_whole(
    cache: RedisResponseCache, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.redis.response_cache.PARTITION_MOST", 2)
    for digest in "abc":
        await put(cache, digest, replace(PLAIN, near=Near("p", digest, b"v")))
        await redis.zadd(NEAR, {member(digest): ord(digest)})
    assert await has(redis, *"abc") == [False, True, True]
    found = await cache.neighbours(ORG, "p", 0)
    assert [(one.digest, one.at_us, one.text, one.vector) for one in found] == [
        ("b", ord("b"), "b", b"v"),
        ("c", ord("c"), "c", b"v"),
    ]


async def test_an_answer_ends_its_own_flight_only(cache: RedisResponseCache, redis: Redis) -> None:
    await redis.set(KEYS.lease("d"), "other")
    assert await cache.store(look("d"), int(await server_ms(redis)), BODY, PLAIN)
    assert await redis.get(KEYS.lease("d")) == b"other"


async def test_a_purge_is_noted_by_the_servers_time_for_a_day(cache: RedisResponseCache, redis: Redis) -> None:
    async def purged() -> bytes | None:
        await cache.purge(ORG, [])
        mark: bytes | None = await redis.get(KEYS.purged)
        return mark

    await assert_times_are_the_servers(redis, purged)
    await assert_lasts(redis, KEYS.purged, DAY_MS)


async def test_calls_that_began_until_a_purge_store_nothing_and_later_ones_do(
    cache: RedisResponseCache, redis: Redis
) -> None:
    await redis.set(KEYS.purged, 1_000)
    assert not await cache.store(look("d"), 999, BODY, PLAIN)
    assert not await cache.store(look("d"), 1_000, BODY, PLAIN)
    assert await has(redis, "d") == [False]
    assert await cache.store(look("d"), 1_001, BODY, PLAIN)


async def test_a_purge_takes_scopes_as_they_are_written_and_whole(cache: RedisResponseCache, redis: Redis) -> None:
    await put(cache, "a", replace(PLAIN, marks=("#prompt=p.x@1",)))
    await put(cache, "b", replace(PLAIN, marks=("#prompt=pzx@1",)))
    assert await cache.purge(ORG, ["#prompt=p.x"]) == Purged(0, 0)
    assert await cache.purge(ORG, ["workflow=w", "#prompt=none"]) == Purged(0, 0)
    assert (await cache.purge(ORG, ["all", "#prompt=p.x@1"])).entries == 1
    assert await has(redis, "a", "b") == [False, True]
    assert (await cache.purge(ORG, ["all"])).entries == 1
