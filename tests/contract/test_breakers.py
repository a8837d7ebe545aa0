"""Breakers on a real Redis, as several processes see them."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from connectors.redis.breakers import BreakerRules, RedisBreakers
from connectors.redis.keys import breaker_key

OPEN_MS = 120
PROBE_MS = 1_500
RULES = BreakerRules(window_ms=60_000, least=10, share=0.5, row=5, open_ms=OPEN_MS, probe_ms=PROBE_MS)
ROUTE = f"test/{uuid.uuid4()}"


@pytest.fixture
async def processes(redis: Redis) -> AsyncIterator[list[RedisBreakers]]:
    yield [RedisBreakers(redis, RULES) for _ in range(4)]
    await redis.unlink(breaker_key(ROUTE))


async def fail(processes: list[RedisBreakers], number: int) -> list[bool]:
    return [await processes[n % len(processes)].report(ROUTE, failed=True) for n in range(number)]


async def half_opened(processes: list[RedisBreakers]) -> None:
    await fail(processes, 5)
    await asyncio.sleep(OPEN_MS / 1000 + 0.02)


async def test_five_failures_in_a_row_over_four_processes_open_it_for_all(processes: list[RedisBreakers]) -> None:
    assert await fail(processes, 5) == [False] * 4 + [True]
    for one in processes:
        assert not await one.admit(ROUTE)
        assert "its breaker is open for" in (await one.unhealthy([ROUTE, "test/other"]))[ROUTE]
        assert "test/other" not in await one.unhealthy(["test/other"])


async def test_half_of_ten_calls_open_it_within_twenty(processes: list[RedisBreakers]) -> None:
    answers = [await processes[n % 4].report(ROUTE, failed=n % 2 == 1) for n in range(20)]
    assert answers.index(True) == 9


async def test_fewer_failures_than_the_share_leave_it_closed(processes: list[RedisBreakers]) -> None:
    assert not any([await processes[n % 4].report(ROUTE, failed=n % 3 == 0) for n in range(60)])
    assert await processes[0].admit(ROUTE)


async def test_half_open_admits_one_probe_of_many_that_ask(processes: list[RedisBreakers]) -> None:
    await half_opened(processes)
    assert await processes[0].unhealthy([ROUTE]) == {}
    assert sum(await asyncio.gather(*(processes[n % 4].admit(ROUTE) for n in range(40)))) == 1
    assert ROUTE in await processes[0].unhealthy([ROUTE])


async def test_probe_that_works_closes_it(processes: list[RedisBreakers]) -> None:
    await half_opened(processes)
    assert await processes[0].admit(ROUTE)
    assert not await processes[0].report(ROUTE, failed=False)
    assert all([await one.admit(ROUTE) for one in processes])


async def test_probe_that_fails_opens_it_for_another_time(processes: list[RedisBreakers]) -> None:
    await half_opened(processes)
    assert await processes[0].admit(ROUTE)
    assert await processes[0].report(ROUTE, failed=True)
    assert not await processes[1].admit(ROUTE)
    await asyncio.sleep(OPEN_MS / 1000 + 0.02)
    assert await processes[1].admit(ROUTE)


async def test_probe_that_reports_nothing_is_given_up(processes: list[RedisBreakers]) -> None:
    await half_opened(processes)
    assert await processes[0].admit(ROUTE)
    await asyncio.sleep(PROBE_MS / 1000 + 0.02)
    assert await processes[1].admit(ROUTE)


async def test_late_answers_of_calls_before_it_opened_change_nothing(processes: list[RedisBreakers]) -> None:
    await fail(processes, 5)
    assert await processes[0].report(ROUTE, failed=False)
    assert not await processes[0].admit(ROUTE)


async def test_without_redis_every_route_is_healthy() -> None:
    gone = RedisBreakers(Redis.from_url("redis://127.0.0.1:1"))
    assert await gone.unhealthy([ROUTE]) == {}
    assert await gone.admit(ROUTE)
    assert not await gone.report(ROUTE, failed=True)
