"""Lanes decide recorded calls by a policy: routes, caches, budgets, quotas, guards; and what a refusal ends."""

from typing import Any

import pytest

from connectors.prices.book import PriceBook
from connectors.prices.overrides import Override
from schemas.api_models.traces.policies import PolicyDocument, PolicyPrices
from schemas.records.base import Usage
from services.observability.replay.policy.calls import RecordedCall, Route
from services.observability.replay.policy.lanes import Decided, lane
from services.observability.replay.policy.pricing import Pricing

GOLD, SILVER = Route("local", "gold"), Route("local", "silver")
MINUTE_MS = 60_000
PRICES = (
    Override(provider="local", model="gold", version="1", input_usd_per_mtok="3", output_usd_per_mtok="15"),
    Override(provider="local", model="silver", version="1", input_usd_per_mtok="1", output_usd_per_mtok="5"),
)
BOOKS = {"1": PriceBook(PRICES)}


def call(number: int = 0, **changes: Any) -> RecordedCall:
    """A call of 1,000 tokens in and 100 out, which costs $0.0045 on the golden route."""
    fields: dict[str, Any] = {
        "call_id": f"c{number}",
        "run_id": f"r{number}",
        "at_ms": number * 1_000,
        "workflow": "report",
        "node": "ask",
        "prompt": "p",
        "route": GOLD,
        "usage": Usage(input_tokens=1_000, output_tokens=100),
        "amount_nano": 4_500_000,
        "price_version": "1",
    }
    return RecordedCall(**(fields | changes))


def decided(calls: list[RecordedCall], **policy: Any) -> list[Decided]:
    given = PolicyDocument.model_validate(policy)
    return lane(calls, given, Pricing(BOOKS, given.prices))


def test_without_a_change_a_lane_is_what_was() -> None:
    calls = [call(1), call(2, cached=True, amount_nano=0, saved_nano=4_500_000), call(3, route=SILVER, amount_nano=0)]
    found = decided(calls)
    assert [one.cost_nano for one in found] == [4_500_000, 0, 1_500_000]
    assert [one.cached for one in found] == [False, True, False]


def test_calls_that_match_go_to_another_route() -> None:
    rules = [{"match": {"node": "ask", "model": "gold"}, "to": "local/silver"}]
    found = decided([call(1), call(2, node="other")], routes=rules)
    assert [(one.route, one.cost_nano) for one in found] == [(SILVER, 1_500_000), (GOLD, 4_500_000)]


def test_a_share_is_of_runs_and_about_right() -> None:
    calls = [call(number, run_id=f"r{number // 2}") for number in range(4_000)]
    found = decided(calls, routes=[{"to": "local/silver", "share": 0.1}])
    moved = {one.call.run_id for one in found if one.rerouted}
    assert not moved & {one.call.run_id for one in found if not one.rerouted}
    assert 150 < len(moved) < 250


def test_a_route_without_a_price_counts_as_recorded_and_is_marked() -> None:
    (found,) = decided([call(1)], routes=[{"to": "local/none"}])
    assert (found.cost_nano, found.unpriced) == (4_500_000, True)


def test_prices_are_replaced_and_multiplied_before_they_are_rounded() -> None:
    entry = {"provider": "local", "model": "gold", "input_usd_per_mtok": "0.0015", "output_usd_per_mtok": "0"}
    odd = call(1, usage=Usage(input_tokens=1))
    assert decided([odd], prices={"entries": [entry]})[0].cost_nano == 2, "1.5 nano-dollars are rounded up"
    assert decided([odd], prices={"entries": [entry], "factor": "2"})[0].cost_nano == 3, "and 3 are 3"
    assert decided([call(1)], prices={"factor": "0.5"})[0].cost_nano == 2_250_000


def test_amounts_that_prices_do_not_give_stay_on_their_route() -> None:
    stated = call(1, computed=False, amount_nano=7)
    assert decided([stated])[0].cost_nano == 7
    assert decided([stated], prices={"factor": 3})[0].cost_nano == 21
    assert decided([stated], routes=[{"to": "local/silver"}])[0].cost_nano == 1_500_000
    lost = call(1, computed=False, amount_nano=7, usage=Usage())
    assert decided([lost], routes=[{"to": "local/silver"}])[0].cost_nano == 7


def test_a_stand_in_price_is_that_of_its_route() -> None:
    odd = call(1, route=Route("other", "new"), priced_as="local/silver")
    assert decided([odd])[0].cost_nano == 1_500_000


def test_a_cache_can_be_off_or_know_equal_requests_for_a_time() -> None:
    hit = call(2, cached=True, amount_nano=0, saved_nano=4_500_000, request=7)
    assert decided([hit], cache={"mode": "off"})[0].cost_nano == 4_500_000
    calls = [call(number * 40, request=7) for number in range(4)]
    found = decided(calls, cache={"mode": "exact", "ttl_s": 60})
    assert [one.cached for one in found] == [False, True, False, True]
    assert decided([call(1), call(2)], cache={"mode": "exact"})[1].cached is False, "without a hash nothing is equal"
    assert decided([hit], cache={"mode": "exact"})[0].cached, "its answer may be from before the window"


def test_a_budget_refuses_what_would_go_over_it_in_its_window_and_ends_the_run() -> None:
    calls = [call(number, run_id="r", at_ms=number * 10_000) for number in range(4)] + [call(90, at_ms=90_000)]
    found = decided(calls, budgets=[{"limit_usd": "0.009", "period": "minute"}])
    assert [one.made for one in found] == [True, True, False, False, True]
    assert [one.refused_by for one in found] == ["", "", "budget 1 (org)", "", ""]
    others = decided(calls, budgets=[{"scope": "workflow", "target": "another", "limit_usd": "0"}])
    assert all(one.made for one in others)


def test_a_quota_delays_calls_and_refuses_those_that_would_wait_too_long() -> None:
    calls = [call(number, at_ms=0) for number in range(4)]
    quota = {"provider": "local", "requests_per_minute": 2, "max_wait_s": 40}
    found = decided(calls, quotas=[quota])
    assert [one.wait_ms for one in found if one.made] == [0, 0, 30_000]
    assert found[3].refused_by == "quota"
    tokens = decided(calls, quotas=[{"provider": "local", "model": "gold", "tokens_per_minute": 2_200}])
    assert [one.wait_ms for one in tokens] == [0, 0, pytest.approx(30_000), pytest.approx(60_000)]
    assert all(not one.wait_ms for one in decided(calls, quotas=[quota | {"provider": "other"}]))


def test_a_quota_fills_with_time_and_never_above_a_minute() -> None:
    calls = [call(number, at_ms=number * 10 * MINUTE_MS) for number in range(2)]
    calls += [call(9, at_ms=10 * MINUTE_MS) for _ in range(2)]
    found = decided(calls, quotas=[{"provider": "local", "requests_per_minute": 2}])
    assert [one.wait_ms for one in found] == [0, 0, 0, 30_000]


def test_a_guard_refuses_what_reads_too_much() -> None:
    found = decided([call(1), call(1, call_id="later")], guard={"max_input_tokens": 999})
    assert [(one.made, one.refused_by) for one in found] == [(False, "guard"), (False, "")]


def test_prices_of_a_policy_have_no_effect_on_others() -> None:
    entry = {"provider": "local", "model": "gold", "input_usd_per_mtok": "1", "output_usd_per_mtok": "1"}
    given = PolicyPrices.model_validate({"entries": [entry]})
    assert Pricing(BOOKS, given).cost(call(1), GOLD) == 1_100_000
    assert Pricing(BOOKS, PolicyPrices()).cost(call(1), GOLD) == 4_500_000
