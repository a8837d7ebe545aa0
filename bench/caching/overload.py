"""Ten times as many answers as there is room for, in a Redis without eviction that holds tables as well."""

import asyncio
import random
import tempfile
from pathlib import Path
from typing import NamedTuple

from redis.asyncio import Redis

from connectors.redis.client import connect
from connectors.redis.keys import CacheKeys
from connectors.redis.response_cache import MIB, Bounds, Keep, Lead, Lookup, RedisResponseCache
from deploy.local.engines import EngineStack

TIMES = 10
_SIZES = (200, 1_000, 4_000, 30_000)
_ORGS = 7
TABLE = 100
_TABLE_KEY = "{runs:0}:e:table"


class Overloaded(NamedTuple):
    """The most that was counted and used, as shares of the bound; the tables' writes that worked; answers stored."""

    counted_percent: float
    memory_percent: float
    written_percent: float
    answers: int


def overloaded(bound_mb: int) -> Overloaded:
    """Store the answers, and write a table's entry beside each tenth."""
    with tempfile.TemporaryDirectory() as folder, EngineStack(Path(folder), {"redis"}, durable=False) as endpoints:
        return asyncio.run(_overloaded(endpoints.redis_url, bound_mb * MIB))


async def _overloaded(url: str, bound: int) -> Overloaded:
    redis, rng = connect(url), random.Random(0)  # noqa: S311 - sizes of a load, no secret
    cache = RedisResponseCache(redis, Bounds(all_bytes=bound, org_bytes=bound // 2))
    for n in range(TABLE):
        await redis.hset(_TABLE_KEY, str(n), "x" * 1_000)
    await _put(cache, "org-0", -1, 1)
    before = await _used(redis)
    # Twice the bound is left for cache and tables: an unbounded cache would fill it at a fifth of the way.
    await redis.config_set("maxmemory", before + 2 * bound)
    counted = memory = written = tried = answers = sent = 0
    while sent < TIMES * bound:
        size = rng.choice(_SIZES)
        await _put(cache, f"org-{rng.randrange(_ORGS)}", answers, size)
        answers, sent = answers + 1, sent + size
        if answers % 10 == 0:
            tried += 1
            written += await redis.hset(_TABLE_KEY, str(tried % TABLE), "x" * 1_000) == 0
        if answers % 50 == 0:
            counted = max(counted, int(await redis.hget(CacheKeys("").bytes, "all") or 0))
            memory = max(memory, await _used(redis) - before)
    await redis.aclose()
    return Overloaded(100 * counted / bound, 100 * memory / bound, 100 * written / tried, answers)


async def _put(cache: RedisResponseCache, org_id: str, number: int, size: int) -> None:
    look = Lookup(org_id, f"{number % 2**64:064x}", str(number), ("all", "workflow=bench"))
    lead = await cache.take(look)
    if isinstance(lead, Lead):
        await cache.store(look, lead.began_ms, b"x" * size, Keep(ttl_ms=3_600_000))


async def _used(redis: Redis) -> int:
    return int((await redis.info("memory"))["used_memory"])
