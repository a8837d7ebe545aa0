"""What Redis keeps for an hour leaves it within the soak's half a minute; nothing else does."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from bench.soak.stores import KEEP_S, let_hours_pass

HOUR_MS = 3_600_000
OLD_MS, YOUNG_MS = HOUR_MS - 1_000 * (KEEP_S + 5), HOUR_MS - 1_000
#: No other test uses this database.
DATABASE = "/15"
KEYS = {
    "{runs:1}:claim:r1:ask:1": OLD_MS,
    "{runs:1}:accepted:m1": OLD_MS,
    "{runs:1}:claim:r2:ask:1": YOUNG_MS,
    "{runs:1}:claim:r3:ask:1": 7 * 24 * HOUR_MS,
    "{runs:1}:accepted:m2": 24 * HOUR_MS,
    "{runs:1}:e:r1": OLD_MS,
    "{workers}:said": OLD_MS,
}


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url.removesuffix("/0") + DATABASE) as client:
        for key, left_ms in KEYS.items():
            await client.set(key, "x", px=left_ms)
        await client.set("{runs:1}:claim:for ever", "x")
        yield client
        await client.flushdb()


async def test_an_hour_passes_in_half_a_minute(redis: Redis, redis_url: str) -> None:
    assert await let_hours_pass(redis_url.removesuffix("/0") + DATABASE) == 2
    left = {key.decode() for key in await redis.keys()}
    assert left == {*KEYS, "{runs:1}:claim:for ever"} - {"{runs:1}:claim:r1:ask:1", "{runs:1}:accepted:m1"}
