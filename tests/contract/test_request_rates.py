"""Rates of requests on a real Redis: a share at once, then one an interval, by the server's clock."""

import uuid
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from connectors.redis.keys import rate_key
from connectors.redis.request_rates import RequestRates
from schemas.errors import Unavailable
from tests.support.redis_clock import server_ms

#: Two requests may come at once, and then one every five seconds.
PER_MINUTE, AT_ONCE, INTERVAL_MS = 12, 2, 5_000
#: A machine that is busy counts as slow, not as down.
PATIENCE_S = 30.0


@pytest.fixture
async def key(redis: Redis) -> AsyncIterator[str]:
    key = uuid.uuid4().hex
    yield key
    await redis.unlink(rate_key(key))


@pytest.fixture
def rates(redis: Redis) -> RequestRates:
    return RequestRates(redis, PATIENCE_S)


async def due_ms(redis: Redis, key: str) -> float:
    return float(await redis.get(rate_key(key)) or 0)


async def taken(rates: RequestRates, key: str, most: int) -> int:
    """Return how many of so many requests are taken now."""
    return [await rates.wait_ms(key, PER_MINUTE) for _ in range(most)].count(0)


async def test_a_share_comes_at_once_and_the_next_one_waits_for_its_interval(rates: RequestRates, key: str) -> None:
    assert [await rates.wait_ms(key, PER_MINUTE) for _ in range(AT_ONCE)] == [0] * AT_ONCE
    assert 0 < await rates.wait_ms(key, PER_MINUTE) <= INTERVAL_MS


async def test_each_request_moves_when_the_next_is_due_by_an_interval_of_the_servers_time(
    rates: RequestRates, redis: Redis, key: str
) -> None:
    before = await server_ms(redis)
    assert await rates.wait_ms(key, PER_MINUTE) == 0
    first = await due_ms(redis, key)
    assert before <= first - INTERVAL_MS + 0.001 <= await server_ms(redis) + 0.001
    assert await rates.wait_ms(key, PER_MINUTE) == 0
    assert await due_ms(redis, key) == pytest.approx(first + INTERVAL_MS, abs=0.002)


async def test_a_request_that_must_wait_takes_nothing(rates: RequestRates, redis: Redis, key: str) -> None:
    await taken(rates, key, AT_ONCE)
    due = await due_ms(redis, key)
    assert await taken(rates, key, 3) == 0
    assert await due_ms(redis, key) == due


async def test_a_rate_with_nothing_at_once_still_takes_the_first(rates: RequestRates, key: str) -> None:
    assert await rates.wait_ms(key, 6) == 0
    assert await rates.wait_ms(key, 6) > 0


async def test_a_rate_leaves_redis_when_it_is_due(rates: RequestRates, redis: Redis, key: str) -> None:
    await rates.wait_ms(key, PER_MINUTE)
    left_ms = await redis.pttl(rate_key(key))
    assert 0 < left_ms <= INTERVAL_MS
    await rates.wait_ms(key, PER_MINUTE)
    assert left_ms < await redis.pttl(rate_key(key)) <= 2 * INTERVAL_MS


async def test_time_without_requests_saves_none_up(rates: RequestRates, redis: Redis, key: str) -> None:
    await redis.set(rate_key(key), f"{await server_ms(redis) - 20 * INTERVAL_MS:.3f}")
    assert await taken(rates, key, 9) == AT_ONCE


async def test_each_key_has_a_rate_of_its_own(rates: RequestRates, redis: Redis, key: str) -> None:
    other = uuid.uuid4().hex
    assert await taken(rates, key, 9) == AT_ONCE
    assert await taken(rates, other, 9) == AT_ONCE
    await redis.unlink(rate_key(other))


async def test_a_redis_that_is_down_is_unavailable() -> None:
    nowhere: Redis = Redis.from_url("redis://127.0.0.1:1/0", retry=None)
    with pytest.raises(Unavailable, match="count a request"):
        await RequestRates(nowhere).wait_ms("k", PER_MINUTE)
    await nowhere.aclose()
