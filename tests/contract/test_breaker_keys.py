"""What breakers of routes keep in Redis: the calls of a window, and when a probe may be sent. Nothing here waits."""

import uuid
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from connectors.redis.breakers import BreakerRules, RedisBreakers
from connectors.redis.keys import breaker_key
from tests.support.redis_clock import assert_lasts, assert_times_are_the_servers, server_ms

WINDOW_MS, OPEN_MS, PROBE_MS = 600_000, 700_000, 800_000
RULES = BreakerRules(window_ms=WINDOW_MS, least=4, share=0.5, row=3, open_ms=OPEN_MS, probe_ms=PROBE_MS)


class Route:
    """A route, its breaker, and what Redis keeps of it."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.name = f"test/{uuid.uuid4()}"
        self.key = breaker_key(self.name)
        self.breakers = RedisBreakers(redis, RULES)

    async def report(self, *failed: bool) -> list[bool]:
        """Report calls; return of each whether the breaker is open then."""
        return [await self.breakers.report(self.name, failed=one) for one in failed]

    async def stored(self) -> dict[str, int]:
        return {name.decode(): int(value) for name, value in (await self.redis.hgetall(self.key)).items()}

    async def counts(self) -> tuple[int, int, int]:
        """Return the calls and failures of the window, and those in a row."""
        stored = await self.stored()
        return stored["calls"], stored["failures"], stored["row"]

    async def half_open(self) -> None:
        """Open the breaker, a while ago."""
        assert (await self.report(True, True, True))[-1]
        await self.redis.hset(self.key, "until", int(await server_ms(self.redis)))


@pytest.fixture
async def route(redis: Redis) -> AsyncIterator[Route]:
    route = Route(redis)
    yield route
    await redis.unlink(route.key)


async def test_calls_are_counted_in_a_window_that_begins_with_the_first(route: Route) -> None:
    async def begun() -> int:
        await route.redis.unlink(route.key)
        assert await route.report(True, False) == [False, False]
        return (await route.stored())["window"]

    await assert_times_are_the_servers(route.redis, begun)
    assert await route.counts() == (2, 1, 0)
    assert (await route.stored()).keys() == {"window", "calls", "failures", "row"}
    await assert_lasts(route.redis, route.key, 10 * OPEN_MS)


async def test_the_longer_of_window_and_open_time_decides_how_long_it_is_kept(route: Route) -> None:
    rules = BreakerRules(window_ms=OPEN_MS, least=4, open_ms=WINDOW_MS)
    await RedisBreakers(route.redis, rules).report(route.name, failed=True)
    await assert_lasts(route.redis, route.key, 10 * OPEN_MS)


async def test_only_failures_in_a_row_count_as_such(route: Route) -> None:
    rules = BreakerRules(window_ms=WINDOW_MS, least=1_000, row=3, open_ms=OPEN_MS)
    route.breakers = RedisBreakers(route.redis, rules)
    assert await route.report(True, True, False, True, True) == [False] * 5
    assert await route.counts() == (5, 4, 2)
    assert await route.report(True) == [True]


async def test_a_share_decides_when_enough_calls_were_made(route: Route) -> None:
    assert await route.report(False, True, False) == [False] * 3
    assert await route.counts() == (3, 1, 0)
    assert await route.report(True) == [True], "two of four"


async def test_a_smaller_share_leaves_it_closed(route: Route) -> None:
    assert await route.report(True, False, False, True, False, False) == [False, False, False, True, True, True]
    await route.redis.unlink(route.key)
    assert await route.report(False, False, True, False, True) == [False] * 5
    assert await route.counts() == (5, 2, 1)


async def test_a_window_counts_until_it_is_over(route: Route) -> None:
    await route.report(True, False)
    window = (await route.stored())["window"]
    await route.redis.hset(route.key, "window", window - WINDOW_MS + 60_000)
    assert await route.report(False) == [False]
    assert await route.counts() == (3, 1, 0)


async def test_a_new_window_begins_then_and_the_row_is_kept(route: Route) -> None:
    await route.report(False, False, True)
    window = (await route.stored())["window"]
    await route.redis.hset(route.key, "window", window - WINDOW_MS)
    assert await route.report(True) == [False]
    assert await route.counts() == (1, 1, 2)
    assert (await route.stored())["window"] >= window


async def test_an_open_breaker_says_until_when_and_begins_its_counts_again(route: Route) -> None:
    before = int(await server_ms(route.redis))
    assert await route.report(True, True, True) == [False, False, True]
    after = await server_ms(route.redis)
    stored = await route.stored()
    assert before <= stored["until"] - OPEN_MS <= after
    assert (stored["window"], stored["row"], "probe_until" in stored) == (0, 0, False)
    assert not await route.breakers.admit(route.name)
    assert await route.report(False, True) == [True, True]
    assert await route.stored() == stored, "what earlier calls report changes nothing"


async def test_a_half_open_breaker_admits_one_probe_for_its_time(route: Route) -> None:
    await route.half_open()

    async def probed() -> int:
        await route.redis.hdel(route.key, "probe_until")
        assert await route.breakers.admit(route.name)
        return (await route.stored())["probe_until"] - PROBE_MS

    await assert_times_are_the_servers(route.redis, probed)
    stored = await route.stored()
    assert not await route.breakers.admit(route.name)
    assert await route.stored() == stored
    await route.redis.hset(route.key, "probe_until", int(await server_ms(route.redis)))
    assert await route.breakers.admit(route.name), "it reported nothing"


async def test_a_failed_probe_opens_it_again_at_once(route: Route) -> None:
    await route.half_open()
    assert await route.breakers.admit(route.name)
    before = int(await server_ms(route.redis))
    assert await route.report(True) == [True]
    stored = await route.stored()
    assert before <= stored["until"] - OPEN_MS <= await server_ms(route.redis)
    assert "probe_until" not in stored


async def test_a_probe_that_works_leaves_nothing(route: Route) -> None:
    await route.half_open()
    assert await route.report(False) == [False]
    assert await route.stored() == {}
    assert await route.breakers.admit(route.name)


async def test_a_closed_breaker_admits_every_call_and_notes_none(route: Route) -> None:
    await route.report(True)
    before = await route.stored()
    assert [await route.breakers.admit(route.name) for _ in range(3)] == [True] * 3
    assert await route.stored() == before
