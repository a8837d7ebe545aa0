"""Holds against budgets with a counter of their own, and against limits over 2^53, on a real Redis."""

import random
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs
from redis.asyncio import Redis

from bench.budgets.table import PARTITIONS, MoneyTable
from connectors.redis.holds import Held, HoldRequest, RedisHolds, Refused
from connectors.redis.readers.spend import Spend
from schemas.budgets import Budget
from schemas.errors import Unavailable
from schemas.records.budgets import BudgetDefined, BudgetRemoved
from schemas.records.definitions import Definition
from schemas.records.money import CostEvent
from services.budgets.definitions import BudgetDefinitions

pytestmark = pytest.mark.asyncio

TTL_MS = 60_000
NOW = 1_795_305_600_000  # 2026-11-22T00:00:00Z
MINUTE = 60_000
HOUR = 60 * MINUTE


class Money:
    """One organisation's money: holds, table and definitions."""

    def __init__(self, redis: Redis) -> None:
        self.table = MoneyTable(redis, f"org-{uuid.uuid4().hex}")
        self.definitions = BudgetDefinitions()
        self.definitions.mark_loaded()
        self.holds = RedisHolds(redis, self.definitions, PARTITIONS, TTL_MS)
        self.spend = Spend(redis, PARTITIONS)

    def known(self, **fields: Any) -> Budget:
        """Let workers know a budget."""
        budget = Budget(**({"id": "b", "org_id": self.table.org_id, "name": "cap"} | fields))
        self.definitions.apply(
            Definition(kind="budget", org_id=budget.org_id, id=budget.id, body=budget.body(), changed_at_ms=NOW)
        )
        return budget

    async def budget(self, **fields: Any) -> Budget:
        """Let workers and the fold know a budget."""
        budget = self.known(**fields)
        told = {name: getattr(budget, name) for name in ("org_id", "name", "scope", "target", "period", "limit_nano")}
        told |= {name: getattr(budget, name) for name in ("timezone", "week_start", "sliding")}
        await self.table.fold(BudgetDefined(budget_id=budget.id, version=1, **told), NOW)
        return budget

    def request(self, call: str, estimate: int, at_ms: int = NOW, **fields: Any) -> HoldRequest:
        request = HoldRequest(
            org_id=self.table.org_id,
            call_id=call,
            run_id="run",
            step_id="step",
            workflow="wf",
            provider="p",
            model="m",
            estimate_nano=estimate,
            at_ms=at_ms,
            run_budget_nano=None,
            tags={"team": "blue", "agentflow.user": "ada"},
            price_version="v1",
            node_id="node",
            prompt_name="ask",
        )
        return replace(request, **fields)

    async def settle(self, request: HoldRequest, amount: int, now_ms: int | None = None) -> None:
        event = structs.replace(request.started(0).presumed(), kind="actual", amount_nano=amount)
        await self.table.fold(event, now_ms or request.at_ms)


@pytest.fixture
async def money(redis_url: str) -> AsyncIterator[Money]:
    redis: Redis = Redis.from_url(redis_url)
    money = Money(redis)
    await money.table.start(NOW)
    yield money
    await money.table.remove()
    await redis.aclose()


@pytest.mark.parametrize(
    ("scope", "target"),
    [("user", "ada"), ("tag", "team=blue"), ("node", "wf/node"), ("prompt", "ask"), ("org", None)],
)
async def test_a_counter_limits_what_its_scope_names(money: Money, scope: str, target: str | None) -> None:
    await money.budget(scope=scope, target=target, period="hour", limit_nano=100)
    held = await money.holds.hold(money.request("c1", 60))
    assert held == Held(NOW, 60, (f"c:b|{NOW}",))
    refused = await money.holds.hold(money.request("c2", 41))
    assert refused == Refused("b", "cap", 100, 0, 60, NOW + HOUR)
    await money.settle(money.request("c1", 60), 59)
    assert isinstance(await money.holds.hold(money.request("c2", 41)), Held)
    assert (await money.table.held())[f"c:b|{NOW}"] == 41


async def test_calls_of_others_are_not_counted(money: Money) -> None:
    await money.budget(scope="user", target="bob", period="hour", limit_nano=1)
    assert await money.holds.hold(money.request("c1", 60)) == Held(NOW, 60)
    await money.settle(money.request("c1", 60), 60)
    assert (await money.table.stored())["c:b"] == ""


async def test_a_budget_that_is_not_counted_yet_lets_calls_wait(money: Money) -> None:
    money.known(scope="prompt", target="ask", limit_nano=100)
    with pytest.raises(Unavailable, match="'cap' is new") as early:
        await money.holds.hold(money.request("c1", 1))
    assert early.value.retry_after_s < 1
    assert await money.table.held() == {}


async def test_a_window_has_room_again_where_its_zone_says_so(money: Money) -> None:
    budget = await money.budget(period="day", timezone="Asia/Kathmandu", limit_nano=100)
    opens = budget.windows.next_start(NOW)
    assert opens == NOW + 18 * HOUR + 15 * MINUTE
    assert isinstance(await money.holds.hold(money.request("c1", 100)), Held)
    assert isinstance(await money.holds.hold(money.request("c2", 1, opens - 1)), Refused)
    assert isinstance(await money.holds.hold(money.request("c2", 100, opens)), Held)


async def test_a_sliding_hour_counts_what_left_it_no_more(money: Money) -> None:
    await money.budget(period="hour", sliding=True, limit_nano=100)
    for minutes in (0, 20, 40):
        request = money.request(f"c{minutes}", 30, NOW + minutes * MINUTE)
        assert isinstance(await money.holds.hold(request), Held)
        await money.settle(request, 30)
    refused = await money.holds.hold(money.request("late", 20, NOW + 59 * MINUTE))
    assert refused == Refused("b", "cap", 100, 90, 0, NOW + HOUR + MINUTE)
    assert isinstance(await money.holds.hold(money.request("late", 20, NOW + HOUR + MINUTE)), Held)


async def test_what_is_held_long_counts_in_a_sliding_window(money: Money) -> None:
    await money.budget(period="minute", sliding=True, limit_nano=100)
    await money.holds.hold(money.request("long", 90))
    assert isinstance(await money.holds.hold(money.request("c2", 20, NOW + HOUR)), Refused)


async def test_a_budget_that_reports_and_one_that_is_paused_refuse_nothing_and_count(money: Money) -> None:
    await money.budget(id="a", scope="user", target="ada", limit_nano=0, on_exceeded="alert")
    await money.budget(id="p", scope="user", target="ada", limit_nano=0, paused=True)
    request = money.request("c1", 60)
    assert isinstance(await money.holds.hold(request), Held)
    await money.settle(request, 50)
    stored = await money.table.stored()
    assert (stored["c:a"], stored["c:p"]) == ("1793491200000:50", "1793491200000:50")


async def test_a_soft_limit_refuses_only_calls_that_can_step_down(money: Money) -> None:
    await money.budget(scope="user", target="ada", limit_nano=100, soft_limit_nano=50, on_exceeded="step_down")
    refused = await money.holds.hold(money.request("c1", 60, can_step_down=True))
    assert isinstance(refused, Refused)
    assert (refused.limit_nano, refused.policy) == (50, "step_down")
    assert isinstance(await money.holds.hold(money.request("c1", 60)), Held)
    assert isinstance(await money.holds.hold(money.request("c2", 60)), Refused)


@pytest.mark.parametrize("spare", [0, 1])
@pytest.mark.parametrize("limit", [2**53 + 1, 10**16 + 1, 9 * 10**18])
@pytest.mark.parametrize("own", [False, True])
async def test_limits_over_two_to_the_53_are_exact(money: Money, limit: int, spare: int, own: bool) -> None:
    scope: dict[str, Any] = {"scope": "user", "target": "ada"} if own else {}
    await money.budget(period="total", limit_nano=limit, **scope)
    spent, most = 0, 2**52 - 1
    while limit - spent > 2 * most and limit < 10**17:
        spent += most
        await money.settle(money.request(f"s{spent}", most), most)
    if limit > 10**17:
        field = "c:b" if own else "org|total"
        spent = limit - 2 * most
        text = f"0:{spent}" if own else str(spent)
        await money.table._redis.hset(money.table.slot.entity(money.table.org_id), field, text)
    assert isinstance(await money.holds.hold(money.request("c1", most)), Held)
    left = limit - spent - most
    answer = await money.holds.hold(money.request("c2", left + spare))
    assert isinstance(answer, Refused if spare else Held), answer


async def test_random_sums_are_compared_as_python_compares_them(money: Money) -> None:
    rng = random.Random(3)
    await money.budget(scope="user", target="ada", period="total", limit_nano=0)
    entity = money.table.slot.entity(money.table.org_id)
    for _ in range(200):
        limit, estimate = rng.randrange(2**62), rng.randrange(1, 10 ** rng.randrange(1, 16))
        spent = limit - estimate + rng.choice((-1, 0, 1, rng.randrange(-(10**17), 10**17)))
        money.definitions.apply(
            Definition(
                kind="budget",
                org_id=money.table.org_id,
                id="b",
                version=2,
                body=money.known(scope="user", target="ada", period="total", limit_nano=limit).body(),
                changed_at_ms=NOW,
            )
        )
        await money.table._redis.hset(entity, "c:b", f"0:{spent}")
        request = money.request(f"c{rng.random()}", estimate)
        answer = await money.holds.hold(request)
        assert isinstance(answer, Held) == (spent + estimate <= limit), (limit, spent, estimate)
        if isinstance(answer, Held):
            await money.table.fold(_nothing(request), NOW)


def _nothing(request: HoldRequest) -> CostEvent:
    return structs.replace(request.started(0).presumed(), kind="actual", amount_nano=0)


async def test_holding_twice_keeps_the_counters_of_the_first_hold(money: Money) -> None:
    await money.budget(scope="user", target="ada", period="minute", limit_nano=100)
    first = await money.holds.hold(money.request("c1", 60))
    again = await money.holds.hold(money.request("c1", 60, NOW + 5 * MINUTE))
    assert first == again == Held(NOW, 60, (f"c:b|{NOW}",))


async def test_the_fold_puts_back_a_hold_with_its_counters(money: Money) -> None:
    await money.budget(scope="user", target="ada", period="minute", limit_nano=100)
    request = money.request("c1", 60, counters=(f"c:b|{NOW}",))
    await money.table.fold(request.started(NOW + TTL_MS), NOW)
    assert (await money.table.held())[f"c:b|{NOW}"] == 60
    await money.settle(request, 5)
    assert await money.table.held() == {}


async def test_a_removed_budget_leaves_no_counter(money: Money) -> None:
    budget = await money.budget(scope="user", target="ada", period="minute", limit_nano=100)
    request = money.request("c1", 60)
    await money.holds.hold(request)
    await money.table.fold(BudgetRemoved(org_id=money.table.org_id, budget_id=budget.id), NOW)
    await money.settle(request, 50)
    assert not any(field.startswith("c:") for field in await money.table.stored())
    assert await money.table.held() == {}


async def test_status_says_what_is_spent_held_and_since_when(money: Money) -> None:
    own = await money.budget(scope="user", target="ada", period="hour", limit_nano=100)
    shared = await money.budget(id="s", limit_nano=100)
    await money.settle(money.request("c1", 60), 50)
    await money.holds.hold(money.request("c2", 7))
    first, second = await money.spend.amounts(money.table.org_id, [own, shared], NOW)
    assert (first.spent_nano, first.held_nano, first.counted_since_ms) == (50, 7, NOW)
    assert (second.spent_nano, second.held_nano, second.counted_since_ms) == (50, 7, None)


async def test_status_of_several_organisations_is_one_request(money: Money) -> None:
    mine, other = await money.budget(limit_nano=100), f"org-{uuid.uuid4().hex}"
    await money.settle(money.request("c1", 60), 50)
    theirs = [mine.model_copy(update={"id": name, "org_id": other}) for name in ("x", "y")]
    found = await money.spend.amounts_of({other: theirs, mine.org_id: [mine]}, NOW)
    assert [[one.spent_nano for one in some] for some in found] == [[0, 0], [50]]


async def fits_to_the_nano(money: Money, stored: str, limit: int, estimate: int, **window: Any) -> None:
    """Check that a call fits that fills a limit over a counter, and one of a nano-dollar more does not."""
    await money.budget(scope="user", target="ada", limit_nano=limit, **({"period": "total"} | window))
    await money.table._redis.hset(money.table.slot.entity(money.table.org_id), "c:b", stored)
    assert isinstance(await money.holds.hold(money.request("more", estimate + 1)), Refused)
    assert isinstance(await money.holds.hold(money.request("just", estimate)), Held)


@pytest.mark.parametrize("owed", [5, 10**12 + 123_456_789, 10**15 + 123_456_789, 10**15 + 999_999_999])
async def test_what_was_given_back_counts_to_the_nano(money: Money, owed: int) -> None:
    await fits_to_the_nano(money, f"0:-{owed}", 100, owed + 100)


@pytest.mark.parametrize("windows", range(96, 102))
async def test_many_windows_of_large_amounts_add_up_to_the_nano(money: Money, windows: int) -> None:
    amount = 10**14 - 1
    stored = " ".join(f"{NOW - n}:{amount}" for n in range(windows))
    assert windows * amount > 2**53
    await fits_to_the_nano(money, stored, windows * amount + 7, 7, period="hour", sliding=True)


async def test_less_than_a_dollar_over_a_large_limit_is_over_it(money: Money) -> None:
    limit = 1_000_000_900_000_000
    await fits_to_the_nano(money, f"0:{limit - 50}", limit, 50)
    await money.table._redis.hset(money.table.slot.entity(money.table.org_id), "c:b", "0:1000001000000000")
    assert isinstance(await money.holds.hold(money.request("over", 1)), Refused)
