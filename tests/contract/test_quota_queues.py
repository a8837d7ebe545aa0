"""The queue of a limit that is short, on a real Redis: who is before whom, who leaves and when it comes back."""

import math
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from connectors.redis.quotas import RedisQuotas
from schemas.limits.quotas import Ask, Limit, Taken, Usage, Waiting
from schemas.spec.policy import Tier
from services.quotas.learned import debt
from tests.support.quotas import KEY, NOW_MS, Time, ask, each_ms, forget, queue, scope, scores
from tests.support.redis_clock import assert_lasts

MINUTE = Limit("requests", "minute", 60)
SCOPE = scope(MINUTE)
EACH_MS = each_ms(60)
#: By how much the virtual time of a flow moves that has its organisation's whole share.
STEP = 1 / 60
#: A ticket that does not come by then loses its turn.
GRACE_MS = 250
SHORT_MS = 10_000
ACME, OTHER = "acme\x1fflow\x1f3", "other\x1fflow\x1f3"
BACK = f"{KEY}:back:{ACME}"


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def quotas(redis: Redis, time: Time) -> AsyncIterator[RedisQuotas]:
    await forget(redis)
    quotas = RedisQuotas(redis, debt, now_ms=time)
    assert isinstance(await quotas.take(ask(0), [SCOPE], 0), Taken)
    yield quotas
    await forget(redis)


def near(expected: dict[str, float], within: float = 2e-9) -> object:
    return pytest.approx(expected, abs=within)


async def stays(quotas: RedisQuotas, one: Ask, before: float, patience_ms: float = 60_000) -> None:
    """Check that a call takes a place after so many units of others."""
    waiting = await quotas.take(one, [SCOPE], patience_ms)
    assert waiting == Waiting(math.ceil((before + 1) * EACH_MS) - 30, SCOPE, MINUTE, False)


async def leaves(quotas: RedisQuotas, one: Ask, wait_ms: float, patience_ms: float = 500) -> None:
    """Check that a call leaves and comes back after a time."""
    assert await quotas.take(one, [SCOPE], patience_ms) == Waiting(math.ceil(wait_ms), SCOPE, MINUTE, True)


async def test_a_queue_begins_with_the_first_that_waits(quotas: RedisQuotas, redis: Redis) -> None:
    assert not await redis.exists(f"{KEY}:flows")
    await stays(quotas, ask(1), 0)
    found, ticket, until = await queue(redis), ask(1).ticket, NOW_MS + EACH_MS + GRACE_MS
    assert found.flows == near({"": 0, ACME: STEP})
    assert found.wait == {ticket: 0}
    assert found.until == near({ticket: until}, 0.01)
    assert found.seen == near({ACME: until}, 0.01)
    assert found.cost == {ticket}
    for part in ("flows", "wait", "until", "cost"):
        await assert_lasts(redis, f"{KEY}:{part}", SHORT_MS)
    assert SHORT_MS < await redis.pttl(f"{KEY}:seen") <= SHORT_MS + EACH_MS + 1


async def test_a_flow_lines_up_behind_itself_and_others_beside_it(quotas: RedisQuotas, redis: Redis) -> None:
    await stays(quotas, ask(1), 0)
    await stays(quotas, ask(2), 1)
    await stays(quotas, ask(1, "other"), 1)
    found = await queue(redis)
    tickets = [ask(1).ticket, ask(2).ticket, ask(1, "other").ticket]
    assert found.wait == near(dict(zip(tickets, [0, STEP, 0], strict=True)))
    assert found.flows == near({"": 0, ACME: 2 * STEP, OTHER: STEP})
    await stays(quotas, ask(2), 2)  # who waits already is behind the other organisation's, not behind itself
    assert await queue(redis) == found._replace(until=(await queue(redis)).until, seen=(await queue(redis)).seen)


async def test_turns_are_taken_in_the_order_of_virtual_time_and_who_is_new_starts_there(
    quotas: RedisQuotas, redis: Redis, time: Time
) -> None:
    await stays(quotas, ask(1), 0)
    await stays(quotas, ask(2), 1)
    await stays(quotas, ask(1, "other"), 1)
    for at, one in enumerate((ask(1), ask(1, "other"), ask(2)), 1):
        time.ms = NOW_MS + at * EACH_MS
        if one != ask(2):  # who does not ask for long is given up
            assert isinstance(await quotas.take(ask(2), [SCOPE], 60_000), Waiting), one.ticket
        assert isinstance(await quotas.take(one, [SCOPE], 0), Taken), one.ticket
    found = await queue(redis)
    assert found.flows == near({"": STEP, ACME: 2 * STEP, OTHER: STEP})
    assert (found.wait, found.until, found.cost) == ({}, {}, frozenset())
    time.ms += EACH_MS
    third = ask(1, "third")
    assert isinstance(await quotas.take(third, [SCOPE], 0), Taken)
    assert (await queue(redis)).flows == near({"": STEP, ACME: 2 * STEP, OTHER: STEP, "third\x1fflow\x1f3": 2 * STEP})


async def test_who_takes_room_without_waiting_moves_its_flow_all_the_same(
    quotas: RedisQuotas, redis: Redis, time: Time
) -> None:
    await stays(quotas, ask(1), 0)
    time.ms += EACH_MS
    assert isinstance(await quotas.take(ask(1), [SCOPE], 0), Taken)
    time.ms += EACH_MS
    assert isinstance(await quotas.take(ask(2), [SCOPE], 0), Taken)
    assert (await queue(redis)).flows == near({"": STEP, ACME: 2 * STEP})


@pytest.mark.parametrize(("tier", "share"), [("gold", 6 / 9), ("silver", 3 / 6), ("bronze", 1 / 4)])
async def test_flows_of_an_organisation_share_it_by_their_weight(
    quotas: RedisQuotas, redis: Redis, tier: Tier, share: float
) -> None:
    await stays(quotas, ask(1), 0)
    await stays(quotas, ask(1, tier=tier, workflow="second"), 1)
    weight = {"gold": 6, "silver": 3, "bronze": 1}[tier]
    assert (await queue(redis)).flows == near({"": 0, ACME: STEP, f"acme\x1fsecond\x1f{weight}": STEP / share})


async def test_only_flows_that_were_seen_lately_have_a_share_and_others_are_forgotten(
    quotas: RedisQuotas, redis: Redis
) -> None:
    await redis.zadd(f"{KEY}:seen", {"acme\x1fgone\x1f6": NOW_MS - 1, "acme\x1fhere\x1f6": NOW_MS + 1})
    await stays(quotas, ask(1), 0)
    found = await queue(redis)
    assert found.flows[ACME] == pytest.approx(STEP * 9 / 3)
    assert found.seen.keys() == {ACME, "acme\x1fhere\x1f6"}


async def test_a_share_is_of_two_hundred_flows_at_most(quotas: RedisQuotas, redis: Redis) -> None:
    await redis.zadd(f"{KEY}:seen", {f"acme\x1f{n}\x1f3": NOW_MS + 1_000 + n for n in range(250)})
    await stays(quotas, ask(1), 0)
    assert (await queue(redis)).flows[ACME] == pytest.approx(STEP * 201)


async def test_a_step_is_the_largest_share_that_a_call_takes_of_a_limit_and_all_its_units_are_before_others(
    quotas: RedisQuotas, redis: Redis
) -> None:
    both = scope(MINUTE, Limit("tokens", "minute", 600))
    waiting = await quotas.take(ask(1), [both], 60_000)
    assert waiting == Waiting(math.ceil(EACH_MS) - 30, both, MINUTE, False)
    assert (await queue(redis)).flows == near({"": 0, ACME: 150 / 600})
    behind = await quotas.take(ask(2, "other"), [both], 60_000)
    # 150 tokens are before its own, of which as many as it needs may come at once.
    assert behind == Waiting(math.ceil(150 * each_ms(600)) - 30, both, both.limits[1], False)


async def test_the_units_before_a_call_count_of_days_and_of_calls_at_once_too(
    quotas: RedisQuotas, redis: Redis
) -> None:
    places = Limit("concurrent", "call", 2)
    for limit, key in ((places, "all:places"), (Limit("requests", "day", 2), "all:day")):
        one = scope(limit, key=key)
        assert isinstance(await quotas.take(ask(1), [one], 0), Taken)
        assert isinstance(await quotas.take(ask(2), [one], 0), Taken)
        await quotas.take(ask(3), [one], 1e9)
        await redis.zrem(f"{{quota}}:{key}:busy", ask(1).call_id)
        await redis.hset(f"{{quota}}:{key}", "requests", f"{int(NOW_MS // 86_400_000)}:1")
        behind = await quotas.take(ask(4), [one], 1e9)
        assert isinstance(behind, Waiting), "the place is another's"
        assert isinstance(await quotas.take(ask(3), [one], 1e9), Taken)


async def test_who_is_not_patient_comes_back_when_its_turn_may_be(quotas: RedisQuotas, redis: Redis) -> None:
    await leaves(quotas, ask(1), EACH_MS)
    await leaves(quotas, ask(2), 0.9 * 2 * EACH_MS)
    await leaves(quotas, ask(3), 0.9 * 3 * EACH_MS)
    turns = zip((1, 2, 3), (EACH_MS, 1.8 * EACH_MS, 2.7 * EACH_MS), strict=True)
    assert await scores(redis, BACK) == near({ask(n).ticket: NOW_MS + turn for n, turn in turns}, 0.01)
    found = await queue(redis)
    assert (found.flows, found.wait, found.until, found.cost) == ({"": 0}, {}, {}, frozenset())
    assert found.seen == near({ACME: NOW_MS + 2.7 * EACH_MS + GRACE_MS}, 0.01)
    left_ms = 60_000 + 2.7 * EACH_MS
    assert 0.9 * left_ms < await redis.pttl(BACK) <= left_ms + 1


async def test_organisations_and_flows_that_share_come_back_later(quotas: RedisQuotas) -> None:
    await leaves(quotas, ask(1, "other"), EACH_MS)
    await leaves(quotas, ask(1, "other", workflow="second"), 0.9 * 2 * EACH_MS)
    # Two organisations, whatever the number of their flows.
    await leaves(quotas, ask(1), 0.9 * 2 * EACH_MS)
    await leaves(quotas, ask(2), 0.9 * 2 * 2 * EACH_MS)


async def test_nobody_is_sent_away_for_more_than_a_minute_but_for_its_own_room(
    quotas: RedisQuotas, redis: Redis
) -> None:
    await redis.zadd(BACK, {f"t{n}": NOW_MS + n for n in range(100)} | {"old": NOW_MS - 60_001})
    await leaves(quotas, ask(1), 60_000)
    assert "old" not in await scores(redis, BACK)


async def test_units_of_a_large_call_come_back_by_their_own_time(quotas: RedisQuotas) -> None:
    tokens = scope(Limit("tokens", "minute", 1_000), key="all:tokens")
    assert isinstance(await quotas.take(ask(1), [tokens], 0), Taken)
    found = [await quotas.take(ask(n), [tokens], 0) for n in (2, 3)]
    units = 150 * each_ms(1_000)
    assert [one.wait_ms for one in found] == [math.ceil(units), math.ceil(1.8 * units)]


async def test_places_come_back_by_the_time_that_one_takes_to_be_free(quotas: RedisQuotas) -> None:
    places = scope(Limit("concurrent", "call", 1), key="all:places")
    assert isinstance(await quotas.take(ask(1), [places], 0), Taken)
    found = [await quotas.take(ask(n), [places], 0) for n in (2, 3, 4)]
    assert [(one.wait_ms, isinstance(one, Waiting)) for one in found] == [(101, True), (180, True), (270, True)]


async def test_who_is_new_is_behind_those_of_its_flow_that_come_back_sooner(quotas: RedisQuotas, redis: Redis) -> None:
    await leaves(quotas, ask(1), EACH_MS)
    await leaves(quotas, ask(2), 1.8 * EACH_MS)
    await stays(quotas, ask(3), 0, 1_500)  # one of the two is due before its patience ends
    assert (await queue(redis)).wait == near({ask(3).ticket: STEP})
    await stays(quotas, ask(1, "other"), 0, 1_500)


async def test_who_comes_back_and_has_room_leaves_the_list(quotas: RedisQuotas, redis: Redis, time: Time) -> None:
    await leaves(quotas, ask(1), EACH_MS)
    await leaves(quotas, ask(2), 1.8 * EACH_MS)
    time.ms += EACH_MS
    assert isinstance(await quotas.take(ask(1), [SCOPE], 500), Taken)
    assert list(await scores(redis, BACK)) == [ask(2).ticket]
    assert (await queue(redis)).flows == near({"": 0, ACME: STEP})


async def test_one_of_those_that_come_back_keeps_its_place_among_them(quotas: RedisQuotas, redis: Redis) -> None:
    for n in (1, 2, 3):
        await leaves(quotas, ask(n), max(1.0, 0.9 * n) * EACH_MS)
    await stays(quotas, ask(2), 0)
    assert (await queue(redis)).wait == near({ask(2).ticket: STEP}), "one is due before it"


async def test_who_loses_patience_gives_its_place_back(quotas: RedisQuotas, redis: Redis) -> None:
    await stays(quotas, ask(1), 0)
    await stays(quotas, ask(2), 1)
    await leaves(quotas, ask(2), 2 * EACH_MS)
    found = await queue(redis)
    assert found.flows == near({"": 0, ACME: STEP})
    assert found.wait.keys() == found.until.keys() == found.cost == {ask(1).ticket}
    assert list(await scores(redis, BACK)) == [ask(2).ticket]


async def test_a_wait_of_just_ones_patience_is_waited_for(quotas: RedisQuotas, redis: Redis, time: Time) -> None:
    one = scope(Limit("requests", "day", 1), key="all:day")
    time.ms += 86_400_000 - 1_000
    assert isinstance(await quotas.take(ask(1), [one], 0), Taken)
    assert await quotas.take(ask(2), [one], 1_000) == Waiting(1_000 - 30, one, one.limits[0], False)
    assert await quotas.take(ask(3), [one], 999) == Waiting(1_000, one, one.limits[0], True)


async def test_a_call_waits_in_one_queue_only(quotas: RedisQuotas, redis: Redis, time: Time) -> None:
    other = scope(Limit("requests", "minute", 60), key="all:other")
    await stays(quotas, ask(1), 0)
    await stays(quotas, ask(2), 1)
    await quotas.take(ask(9), [other], 0)
    await redis.hset("{quota}:all:other", "until", NOW_MS + 30_000)
    waiting = await quotas.take(ask(1), [SCOPE, other], 60_000)
    assert isinstance(waiting, Waiting)
    assert (waiting.scope, waiting.back) == (other, False)
    assert (await queue(redis)).wait.keys() == {ask(2).ticket}
    assert (await queue(redis, "{quota}:all:other")).wait.keys() == {ask(1).ticket}


async def test_a_ticket_that_missed_its_turn_is_removed_whole(quotas: RedisQuotas, redis: Redis, time: Time) -> None:
    await stays(quotas, ask(1), 0)
    time.ms += EACH_MS + GRACE_MS - 1
    await quotas.take(ask(1, "other"), [SCOPE], 60_000)
    assert (await queue(redis)).wait.keys() == {ask(1).ticket, ask(1, "other").ticket}
    time.ms += 2
    assert isinstance(await quotas.take(ask(1, "other"), [SCOPE], 60_000), Taken)
    found = await queue(redis)
    assert (found.wait, found.until, found.cost) == ({}, {}, frozenset())


@pytest.mark.parametrize("redis", ["redis-py", "pipelined"], indirect=True)
async def test_of_more_than_a_hundred_before_it_a_call_counts_as_many_as_there_are(quotas: RedisQuotas) -> None:
    for n in range(150):
        await quotas.take(ask(n, f"org-{n}"), [SCOPE], 1e9)
    await stays(quotas, ask(1), 150, 1e9)


async def test_calls_larger_than_one_unit_move_their_flow_by_what_they_take(quotas: RedisQuotas, redis: Redis) -> None:
    waiting = await quotas.take(ask(1, usage=Usage(6, 0, 0)), [SCOPE], 60_000)
    # The six may come at once when the one before them has had its time.
    assert waiting == Waiting(math.ceil(EACH_MS) - 30, SCOPE, MINUTE, False)
    assert (await queue(redis)).flows == near({"": 0, ACME: 6 * STEP})
    await stays(quotas, ask(1, "other"), 6)
