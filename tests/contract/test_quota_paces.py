"""Paces of quotas on a real Redis, to the ms: what a call takes, what its end corrects, how long one would wait."""

import math
from collections.abc import AsyncIterator, Sequence

import pytest
from redis.asyncio import Redis

from connectors.redis.quotas import PAUSED, RedisQuotas
from schemas.errors import StepError
from schemas.limits.quotas import Limit, Made, Observed, Scope, Taken, Usage, Waiting
from tests.support.quotas import DAY_MS, KEY, NOW_MS, Time, ask, each_ms, forget, scope, scores, state
from tests.support.redis_clock import assert_lasts, server_ms

USED = Usage(1, 100, 50)
#: The units that a call pauses for when its provider's answer says anything of a limit.
DEBT = 0.5
NOON_MS = NOW_MS + DAY_MS / 2
TODAY = int(NOW_MS // DAY_MS)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def quotas(redis: Redis, time: Time) -> AsyncIterator[RedisQuotas]:
    await forget(redis)
    yield RedisQuotas(redis, lambda *_: DEBT, now_ms=time)
    await forget(redis)


async def taken(quotas: RedisQuotas, scopes: Sequence[Scope], n: int = 1, usage: Usage = USED) -> Taken:
    found = await quotas.take(ask(n, usage=usage), scopes, 0)
    assert isinstance(found, Taken), found
    return found


async def wait_of(quotas: RedisQuotas, one: Scope, usage: Usage = USED) -> float:
    [(wait_ms, _)] = await quotas.waits([(one, usage)])
    return wait_ms


@pytest.mark.parametrize(
    ("limit", "units"), [(Limit("requests", "minute", 60), 1), (Limit("tokens", "minute", 1_000), 150)]
)
async def test_a_call_takes_its_units_time_and_the_next_waits_for_it(
    quotas: RedisQuotas, redis: Redis, time: Time, limit: Limit, units: int
) -> None:
    each = each_ms(limit.most)
    assert (await taken(quotas, [scope(limit)])).wait_ms == 0
    assert await state(redis) == {limit.unit: f"{NOW_MS + units * each:.3f}"}
    await assert_lasts(redis, KEY, 2 * DAY_MS)
    assert await wait_of(quotas, scope(limit)) == math.ceil(units * each)
    time.ms += 90_000  # what was not used in time is not saved up
    await taken(quotas, [scope(limit)], 2)
    assert await state(redis) == {limit.unit: f"{time.ms + units * each:.3f}"}


async def test_a_hundredth_of_a_minutes_units_may_come_at_once(quotas: RedisQuotas, redis: Redis) -> None:
    one = scope(Limit("requests", "minute", 600))
    for n in range(6):
        assert await quotas.waits([(one, USED)]) == [(0, PAUSED)], "nothing is short"
        await taken(quotas, [one], n)
    assert float((await state(redis))["requests"]) == pytest.approx(NOW_MS + 6 * each_ms(600), abs=0.01)
    assert await quotas.waits([(one, USED)]) == [(math.ceil(each_ms(600)), one.limits[0])]


async def test_room_that_comes_within_moments_is_taken_ahead(quotas: RedisQuotas, time: Time) -> None:
    one = [scope(Limit("requests", "minute", 60))]
    await taken(quotas, one)
    time.ms += 940
    assert isinstance(await quotas.take(ask(2), one, 2_000), Waiting)
    time.ms += 10
    found = await quotas.take(ask(3), one, 2_000)
    assert isinstance(found, Waiting), "it is another's turn"
    assert await quotas.take(ask(2), one, 2_000) == Taken(ask(2), tuple(one), math.ceil(each_ms(60) - 950))


@pytest.mark.parametrize(("ahead_ms", "goes"), [(60, True), (61, False)])
async def test_room_is_taken_no_more_than_sixty_ms_ahead(
    quotas: RedisQuotas, redis: Redis, ahead_ms: int, goes: bool
) -> None:
    await redis.hset(KEY, "until", NOW_MS + ahead_ms)
    found = await quotas.take(ask(1), [scope(Limit("tokens", "minute", 1_000))], 2_000)
    assert isinstance(found, Taken) == goes
    assert found.wait_ms == ahead_ms - (0 if goes else 30)


async def test_a_days_units_are_counted_until_midnight(quotas: RedisQuotas, redis: Redis, time: Time) -> None:
    one, time.ms = scope(Limit("requests", "day", 5)), NOON_MS
    await taken(quotas, [one], 1)
    await taken(quotas, [one], 2)
    assert await state(redis) == {"requests": f"{TODAY}:2"}
    await assert_lasts(redis, KEY, 2 * DAY_MS)
    assert await wait_of(quotas, one, Usage(3, 0, 0)) == 0
    assert await wait_of(quotas, one, Usage(4, 0, 0)) == DAY_MS / 2
    time.ms += DAY_MS
    assert await wait_of(quotas, one, Usage(5, 0, 0)) == 0
    await taken(quotas, [one], 3, Usage(5, 0, 0))
    assert await state(redis) == {"requests": f"{TODAY + 1}:5"}


async def test_places_are_kept_as_long_as_a_call_may_last(quotas: RedisQuotas, redis: Redis, time: Time) -> None:
    limit = Limit("concurrent", "call", 2)
    await taken(quotas, [scope(limit)], 1)
    assert await quotas.waits([(scope(limit), USED)]) == [(0, PAUSED)]
    long = ask(2)._replace(lasts_ms=DAY_MS)
    assert isinstance(await quotas.take(long, [scope(limit)], 0), Taken)
    assert await scores(redis, f"{KEY}:busy") == {ask(1).call_id: NOW_MS + 60_000, long.call_id: NOW_MS + DAY_MS}
    await assert_lasts(redis, f"{KEY}:busy", 2 * DAY_MS)
    assert await quotas.waits([(scope(limit), USED)]) == [(100, limit)]
    waiting = await quotas.take(ask(3), [scope(limit)], 2_000)
    assert waiting == Waiting(101 - 30, scope(limit), limit, False)
    time.ms += 60_000
    assert await wait_of(quotas, scope(limit)) == 0
    await taken(quotas, [scope(limit)], 3)


async def test_places_last_a_day_at_least(quotas: RedisQuotas, redis: Redis) -> None:
    await taken(quotas, [scope(Limit("concurrent", "call", 2))])
    await assert_lasts(redis, f"{KEY}:busy", DAY_MS)


@pytest.mark.parametrize(
    ("given", "learned", "holds"),
    [(1_000, 500, 500), (1_000, 1_000, 1_000), (1_000, 2_000, 1_000), (1_000, 1, 1), (0, 500, 500), (0, 1, 1)],
)
async def test_the_lower_of_the_given_and_the_learned_limit_holds(
    quotas: RedisQuotas, redis: Redis, given: int, learned: int, holds: int
) -> None:
    one, used = scope(Limit("requests", "minute", given)), Usage(1, 0, 0)
    await redis.hset(KEY, "limit:requests", learned)
    found = await taken(quotas, [one], 1, used)
    expected = NOW_MS + each_ms(holds)
    assert (await state(redis))["requests"] == f"{expected:.3f}"
    await quotas.settle(found, Made(Usage(3, 0, 0)))
    assert float((await state(redis))["requests"]) == pytest.approx(expected + 2 * each_ms(holds), abs=0.01)
    with pytest.raises(StepError, match=f"the limit is {holds} requests a minute"):
        await quotas.take(ask(2, usage=Usage(holds + 1, 0, 0)), [one], 0)
    assert await quotas.waits([(one, Usage(holds + 1, 0, 0))]) == [(-1, one.limits[0]._replace(most=holds))]
    assert await wait_of(quotas, one, Usage(holds, 0, 0)) >= 0


async def test_what_is_not_learned_yet_limits_nothing(quotas: RedisQuotas, redis: Redis) -> None:
    one = scope(Limit("requests", "minute"), Limit("tokens", "minute"))
    found = await taken(quotas, [one], 1, Usage(9, 9, 9))
    assert await quotas.waits([(one, Usage(9, 9, 9))]) == [(0, PAUSED)]
    await quotas.settle(found, Made(USED))
    assert await state(redis) == {}


@pytest.mark.parametrize("most", [500, 1])
async def test_a_limit_is_learned_with_what_its_provider_has_left(quotas: RedisQuotas, redis: Redis, most: int) -> None:
    one = scope(Limit("requests", "minute"), Limit("tokens", "minute"))
    found = await taken(quotas, [one])
    await quotas.settle(found, Made(found.ask.usage, (Observed("tokens", most, 0),)))
    learned = {"limit:tokens": str(most), "tokens": f"{NOW_MS + DEBT * each_ms(most):.3f}"}
    assert await state(redis) == learned
    await assert_lasts(redis, KEY, 2 * DAY_MS)
    await quotas.settle(found, Made(found.ask.usage))
    assert await state(redis) == learned, "an answer that says nothing changes nothing"


async def test_a_limit_is_known_where_it_is_learned_and_the_sooner_due_is_kept(
    quotas: RedisQuotas, redis: Redis, time: Time
) -> None:
    one = scope(Limit("tokens", "minute"))
    await redis.hset(KEY, mapping={"limit:tokens": 1_000, "tokens": f"{NOW_MS + 90_000:.3f}"})
    await quotas.settle(Taken(ask(1), (one,)), Made(USED, (Observed("tokens", 1_000, 0),)))
    assert float((await state(redis))["tokens"]) == NOW_MS + 90_000


@pytest.mark.parametrize("more", [-40, 1])
async def test_the_units_that_a_call_did_not_foresee_move_the_pace_whenever_it_ends(
    quotas: RedisQuotas, redis: Redis, time: Time, more: int
) -> None:
    limits = Limit("tokens", "minute", 1_000), Limit("input_tokens", "day", 10_000), Limit("concurrent", "call", 9)
    found = await taken(quotas, [scope(Limit("requests", "day", 9), key="all:other"), scope(*limits)])
    time.ms += 20_000
    await quotas.settle(found, Made(Usage(1, 100 + more, 50)))
    tokens = float(f"{NOW_MS + 150 * each_ms(1_000):.3f}") + more * each_ms(1_000)
    assert await state(redis) == {"tokens": f"{tokens:.3f}", "input_tokens": f"{TODAY}:{100 + more}"}
    assert await scores(redis, f"{KEY}:busy") == {}
    await assert_lasts(redis, KEY, 2 * DAY_MS)


async def test_what_a_day_counts_falls_no_lower_than_zero(quotas: RedisQuotas, redis: Redis, time: Time) -> None:
    found = await taken(quotas, [scope(Limit("requests", "day", 9))])
    await quotas.settle(found, Made(Usage(0, 0, 0)))
    assert await state(redis) == {"requests": f"{TODAY}:0"}
    time.ms += DAY_MS
    await quotas.settle(found, Made(Usage(0, 0, 0)))
    assert await state(redis) == {"requests": f"{TODAY + 1}:0"}, "it was of the day before"


async def test_an_end_that_corrects_nothing_writes_nothing(quotas: RedisQuotas, redis: Redis) -> None:
    limits = Limit("tokens", "minute", 1_000), Limit("requests", "day", 9), Limit("input_tokens", "minute")
    found = await taken(quotas, [scope(*limits)])
    await redis.hdel(KEY, "tokens")
    await redis.pexpire(KEY, 60_000)
    before = await state(redis)
    await quotas.settle(found, Made(found.ask.usage))
    assert await state(redis) == before == {"requests": f"{TODAY}:1"}
    assert await redis.pttl(KEY) <= 60_000


async def test_the_longest_pause_of_a_provider_holds(quotas: RedisQuotas, redis: Redis, time: Time) -> None:
    one = scope(Limit("tokens", "minute"))
    found = await taken(quotas, [one])
    for blocked_ms, until in ((1, 1), (7_000, 7_000), (3_000, 7_000), (0, 7_000)):
        await quotas.settle(found, Made(USED, blocked_ms=blocked_ms))
        assert await state(redis) == {"until": f"{NOW_MS + until:.3f}"}
    await assert_lasts(redis, KEY, 2 * DAY_MS)
    time.ms += 2_000
    assert await quotas.waits([(one, USED)]) == [(5_000, PAUSED)]
    waiting = await quotas.take(ask(2), [one], 60_000)
    assert waiting == Waiting(5_000 - 30, one, PAUSED, False)
    time.ms += 5_000
    assert await quotas.waits([(one, USED)]) == [(0, PAUSED)]


async def test_each_scope_is_looked_at_by_its_longest_wait(quotas: RedisQuotas, time: Time) -> None:
    time.ms = NOON_MS
    minute, day = Limit("requests", "minute", 60), Limit("tokens", "day", 300)
    one, other = scope(minute, day), scope(day, minute, key="all:other")
    await taken(quotas, [one, other])
    await taken(quotas, [other._replace(limits=(day,))], 2)
    never = scope(minute, Limit("tokens", "minute", 149), day)
    assert await quotas.waits([(one, USED), (other, USED), (never, USED)]) == [
        (math.ceil(each_ms(60)), minute),
        (DAY_MS / 2, day),
        (-1, never.limits[1]),
    ]


async def test_of_limits_that_are_short_alike_the_first_is_named(quotas: RedisQuotas, time: Time) -> None:
    limits = Limit("requests", "day", 1), Limit("tokens", "day", 150)
    first, second = scope(*limits), scope(*limits, key="all:other")
    time.ms = NOON_MS
    await taken(quotas, [first, second])
    waiting = await quotas.take(ask(2), [first, second], 0)
    assert waiting == Waiting(DAY_MS / 2, first, limits[0], True)
    assert await quotas.waits([(first, USED)]) == [(DAY_MS / 2, limits[0])]


async def test_the_clock_is_the_servers(redis: Redis) -> None:
    await forget(redis)
    quotas, one = RedisQuotas(redis, lambda *_: DEBT), [scope(Limit("requests", "minute", 60))]
    for n in range(20):
        await redis.unlink(KEY)
        before = await server_ms(redis)
        await taken(quotas, one, n)
        at = float((await state(redis))["requests"]) - each_ms(60)
        assert before <= at + 0.002 <= await server_ms(redis) + 0.004
    await forget(redis)
