"""Quotas on a real Redis with a clock of our own: never over a limit, nothing lost, fair turns."""

import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from redis.asyncio import Redis

from connectors.redis.quotas import AHEAD_MS, RedisQuotas
from schemas.errors import StepError
from schemas.limits.quotas import Limit, Made, Observed, Scope, Taken, Usage, Waiting
from services.quotas.learned import debt
from tests.support.quotas import DAY_MS, MINUTE_MS, NOW_MS, Time, ask, forget, scope


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def quotas(redis: Redis, time: Time) -> AsyncIterator[RedisQuotas]:
    await forget(redis)
    yield RedisQuotas(redis, debt, now_ms=time)
    await forget(redis)


async def go(quotas: RedisQuotas, scopes: Sequence[Scope], number: int, **more: Any) -> int:
    """Return how many of so many calls have room now."""
    found = [await quotas.take(ask(n, **more), scopes, 0) for n in range(number)]
    return sum(isinstance(one, Taken) for one in found)


@pytest.mark.parametrize("redis", ["pipelined"], indirect=True)
async def test_a_minute_is_spread_and_no_window_has_more_than_the_limit(quotas: RedisQuotas, time: Time) -> None:
    scopes, starts = [scope(Limit("requests", "minute", 600))], []
    while time.ms < NOW_MS + 3 * MINUTE_MS:
        found = await quotas.take(ask(len(starts)), scopes, 2_000)
        starts += [time.ms + found.wait_ms] if isinstance(found, Taken) else []
        time.ms += found.wait_ms
    for first in starts[:600:7]:
        assert sum(first <= one < first + MINUTE_MS for one in starts) <= 600
    assert len(starts) >= 3 * 600 * 0.98


async def test_all_limits_are_taken_or_none(quotas: RedisQuotas) -> None:
    scopes = [
        scope(Limit("requests", "day", 5)),
        scope(Limit("output_tokens", "day", 100), Limit("concurrent", "call", 9), key="own:acme"),
    ]
    assert await go(quotas, scopes, 4) == 2
    assert await go(quotas, scopes[:1], 9) == 3


async def test_what_a_call_did_not_use_is_free_again(quotas: RedisQuotas) -> None:
    scopes = [scope(Limit("output_tokens", "day", 100))]
    taken = await quotas.take(ask(1), scopes, 0)
    await quotas.take(ask(2), scopes, 0)
    assert isinstance(taken, Taken)
    assert await go(quotas, scopes, 1) == 0
    await quotas.settle(taken, Made(Usage(1, 100, 10)))
    assert await go(quotas, scopes, 1, usage=Usage(1, 100, 40)) == 1


async def test_a_day_ends_at_midnight(quotas: RedisQuotas, time: Time) -> None:
    scopes = [scope(Limit("requests", "day", 3))]
    assert await go(quotas, scopes, 9) == 3
    waiting = await quotas.take(ask(9), scopes, 2_000)
    assert isinstance(waiting, Waiting)
    assert (waiting.back, waiting.wait_ms) == (True, DAY_MS - NOW_MS % DAY_MS)
    time.ms += waiting.wait_ms
    assert await go(quotas, scopes, 9) == 3


async def test_concurrent_calls_free_their_place_and_a_lost_one_is_given_up(quotas: RedisQuotas, time: Time) -> None:
    scopes = [scope(Limit("concurrent", "call", 2))]
    first, _ = await quotas.take(ask(1), scopes, 0), await quotas.take(ask(2), scopes, 0)
    assert isinstance(first, Taken)
    waiting = await quotas.take(ask(3), scopes, 0)
    assert isinstance(waiting, Waiting)
    assert waiting.limit.name == "2 calls at once"
    await quotas.settle(first, Made(Usage(1, 1, 1)))
    assert isinstance(await quotas.take(ask(4), scopes, 0), Taken)
    time.ms += 61_000
    assert await go(quotas, scopes, 9) == 2


async def test_a_call_over_a_limit_is_refused_for_good(quotas: RedisQuotas) -> None:
    scopes = [scope(Limit("requests", "minute", 9), Limit("output_tokens", "minute", 1_000))]
    with pytest.raises(StepError, match=r"needs 2000 output tokens and the limit is 1000 output tokens a minute"):
        await quotas.take(ask(1, usage=Usage(1, 1, 2_000)), scopes, 0)


async def test_limits_are_learned_from_headers(quotas: RedisQuotas) -> None:
    scopes = [scope(Limit("requests", "minute"), Limit("tokens", "minute"), key="key:1:gpt")]
    taken = await quotas.take(ask(1), scopes, 0)
    assert isinstance(taken, Taken)
    assert await go(quotas, scopes, 50) == 50
    await quotas.settle(taken, Made(taken.ask.usage, (Observed("requests", 3, 2, 20_000),)))
    waiting = [await quotas.take(ask(n), scopes, 0) for n in range(9)]
    assert sum(isinstance(one, Taken) for one in waiting) == 1
    assert "3 requests a minute" in {one.limit.name for one in waiting if isinstance(one, Waiting)}


async def test_a_429_pauses_all_until_the_provider_says(quotas: RedisQuotas, time: Time) -> None:
    scopes = [scope(Limit("requests", "minute"), key="key:1:gpt")]
    taken = await quotas.take(ask(1), scopes, 0)
    assert isinstance(taken, Taken)
    await quotas.settle(taken, Made(Usage(1, 0, 0), blocked_ms=7_000))
    waiting = await quotas.take(ask(2), scopes, 2_000)
    assert isinstance(waiting, Waiting)
    assert (waiting.back, waiting.wait_ms) == (True, 7_000)
    time.ms += 7_000
    assert await go(quotas, scopes, 9) == 9


async def shares(quotas: RedisQuotas, time: Time, flows: Sequence[dict[str, Any]], seconds: int = 40) -> Counter[int]:
    """Return how often each flow got room while all have more calls than fit: each has 8 callers who wait."""
    scopes, got, asked = [scope(Limit("requests", "minute", 600))], Counter[int](), 0
    waiting = [(NOW_MS, of, n) for of in range(len(flows)) for n in range(8)]
    names = len(flows) * 8
    rng = random.Random(7)
    while time.ms < NOW_MS + seconds * 1000:
        at, of, n = min(waiting, key=lambda one: (one[0], rng.random()))
        waiting.remove((at, of, n))
        time.ms = max(time.ms, at)
        found = await quotas.take(ask(n, **flows[of]), scopes, 2_000)
        asked += 1
        if isinstance(found, Taken):
            got[of] += 1
            names += 1
            n = names
        waiting.append((time.ms + found.wait_ms, of, n))
    assert sum(got.values()) >= seconds * 10 * 0.97
    assert asked < 6 * sum(got.values())
    return got


@pytest.mark.parametrize("redis", ["pipelined"], indirect=True)
async def test_organisations_share_alike_whatever_they_bring(quotas: RedisQuotas, time: Time) -> None:
    flows = [{"org": "a"}, {"org": "b"}, {"org": "b", "workflow": "other"}, {"org": "c", "tier": "gold"}]
    got = await shares(quotas, time, flows)
    for org in (got[0], got[1] + got[2], got[3]):
        assert abs(org / sum(got.values()) - 1 / 3) < 0.1 / 3
    assert abs(got[1] - got[2]) <= 0.1 * got[1]


@pytest.mark.parametrize("redis", ["pipelined"], indirect=True)
async def test_gold_goes_before_bronze_and_does_not_starve_it(quotas: RedisQuotas, time: Time) -> None:
    flows: list[dict[str, Any]] = [{"tier": "gold"}, {"tier": "silver"}, {"tier": "bronze"}]
    got = await shares(quotas, time, flows)
    total = sum(got.values())
    assert [round(got[n] / total, 1) for n in range(3)] == [0.6, 0.3, 0.1]


async def test_who_does_not_come_when_its_turn_is_holds_nobody_up(quotas: RedisQuotas, time: Time) -> None:
    scopes = [scope(Limit("requests", "minute", 60))]
    assert await go(quotas, scopes, 1) == 1
    gone = await quotas.take(ask(1, org="gone"), scopes, 2_000)
    here = await quotas.take(ask(2), scopes, 3_000)
    assert isinstance(gone, Waiting)
    assert isinstance(here, Waiting)
    assert here.wait_ms > gone.wait_ms
    time.ms += gone.wait_ms + AHEAD_MS + 300
    assert isinstance(await quotas.take(ask(2), scopes, 2_000), Taken)


async def test_room_is_looked_at_without_taking_any(quotas: RedisQuotas, time: Time) -> None:
    requests, tokens = scope(Limit("requests", "minute", 100)), scope(Limit("tokens", "day", 1_000), key="all:day")
    paused = scope(Limit("requests", "minute"), key="key:k:openai/gpt")
    used = Usage(1, 100, 50)
    for _ in range(3):
        assert [wait for wait, _ in await quotas.waits([(requests, used), (tokens, used), (paused, used)])] == [0, 0, 0]
    taken = await quotas.take(ask(0, usage=Usage(1, 900, 50)), [requests, tokens, paused], 0)
    assert isinstance(taken, Taken)
    await quotas.settle(taken, Made(Usage(1, 900, 50), blocked_ms=7_000))
    (soon, _), (tomorrow, day), (pause, _), (never, least) = await quotas.waits(
        [(requests, used), (tokens, used), (paused, used), (scope(Limit("tokens", "minute", 149)), used)]
    )
    assert 0 < soon < MINUTE_MS / 50
    assert (tomorrow, day.name) == (DAY_MS, "1000 tokens a day")
    assert (pause, never, least.most) == (7_000, -1, 149)
    time.ms += 7_000
    assert (await quotas.waits([(paused, used)]))[0][0] == 0
