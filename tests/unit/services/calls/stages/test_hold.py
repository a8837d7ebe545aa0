"""Step 6: money is reserved while the call goes on."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from connectors.prices.book import PriceBook
from connectors.redis.holds import AlreadySettled, Held, Refused
from schemas.errors import StepError, Unavailable
from services.calls.call import Answer, Call, Reserved
from services.calls.stages.hold import Hold
from services.calls.timeouts import PATIENCE_S, Deferred
from services.routing.router import Route
from tests.support.calls import FREE, LEASE_MS, NOW_MS, PRICES, TTL_MS, Calls, DatedPrices, Next, call, estimate

ROUTED: dict[str, Any] = {"route": Route("local", "local-silver"), "input_tokens": 5}


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    return Calls(tmp_path)


def stage(calls: Calls, prices: PriceBook = PRICES) -> Hold:
    return Hold(prices, calls.holds, calls.clock, calls.aborts, ttl_ms=TTL_MS, assert_every_s=LEASE_MS / 3000)


async def test_the_most_that_a_call_can_cost_is_held_for_it(calls: Calls) -> None:
    proceed = Next()
    await stage(calls)(call(**ROUTED, tags={"team": "blue"}), proceed)
    (held,) = calls.holds.held.values()
    assert (held.estimate_nano, held.at_ms, held.tags) == (estimate("Say x"), NOW_MS, {"team": "blue"})
    assert (held.org_id, held.run_id, held.step_id, held.workflow) == ("acme", "run", "step", "flow")
    assert (held.provider, held.model, held.price_version) == ("local", "local-silver", "local-1")
    assert proceed.call.reserved == Reserved(estimate("Say x"), NOW_MS, "local-1")


async def test_the_price_is_that_of_now(calls: Calls) -> None:
    proceed = Next()
    await stage(calls, DatedPrices(since_ms=NOW_MS))(call(**ROUTED), proceed)
    assert proceed.call.reserved.amount_nano == 2 * (5 + 100)


async def test_a_call_that_was_held_before_keeps_its_first_hold(calls: Calls) -> None:
    calls.holds.answers = [Held(NOW_MS - 5, 77)]
    proceed = Next()
    await stage(calls)(call(**ROUTED), proceed)
    assert proceed.call.reserved == Reserved(77, NOW_MS - 5, "local-1")


async def test_a_call_that_costs_nothing_asks_nobody(calls: Calls) -> None:
    proceed = Next()
    await stage(calls, FREE)(call(**ROUTED, cap_nano=0), proceed)
    assert (proceed.call.reserved.amount_nano, calls.trail) == (0, [])


async def test_a_cap_that_just_fits_is_enough(calls: Calls) -> None:
    proceed = Next()
    await stage(calls)(call(**ROUTED, cap_nano=estimate("Say x")), proceed)
    assert len(proceed.calls) == 1


async def test_a_call_over_its_cap_is_final_and_holds_nothing(calls: Calls) -> None:
    proceed = Next()
    with pytest.raises(StepError, match="budget_cents") as caught:
        await stage(calls)(call(**ROUTED, cap_nano=estimate("Say x") - 1), proceed)
    assert (caught.value.code, caught.value.retryable) == ("run_budget_exceeded", False)
    assert (calls.trail, proceed.calls) == ([], [])


@pytest.mark.parametrize(("opens_at_ms", "text"), [(NOW_MS, "2026-11-22T00:00:00Z"), (None, "never")])
async def test_a_budget_without_room_is_final_and_says_when_it_opens(
    calls: Calls, opens_at_ms: int | None, text: str
) -> None:
    calls.holds.answers = [Refused("b1", "monthly", 1_000_000_000, 250_000_000, 500_000_000, opens_at_ms)]
    with pytest.raises(StepError, match="'monthly' of 1 USD") as caught:
        await stage(calls)(call(**ROUTED), Next())
    details = caught.value.details
    assert (caught.value.code, caught.value.retryable) == ("budget_exceeded", False)
    assert (details["spent_usd"], details["held_usd"], details["opens_at"]) == ("0.25", "0.5", text)


async def test_a_call_that_was_settled_may_be_tried_again_as_another(calls: Calls) -> None:
    calls.holds.answers = [AlreadySettled("run:step:1@5#1")]
    with pytest.raises(StepError) as caught:
        await stage(calls)(call(**ROUTED), Next())
    assert (caught.value.code, caught.value.retryable) == ("call_settled", True)


async def test_a_short_rebuild_is_waited_for(calls: Calls) -> None:
    calls.holds.answers = [Unavailable("budgets", "rebuilt", 0.0), Unavailable("budgets", "rebuilt", 1.0)]
    proceed = Next()
    await stage(calls)(call(**ROUTED), proceed)
    assert (len(proceed.calls), calls.clock.ms) == (1, NOW_MS + 1_050)


async def test_a_longer_one_gives_the_call_back(calls: Calls) -> None:
    calls.holds.answers = [Unavailable("budgets", "rebuilt", 1.5), Unavailable("budgets", "rebuilt", 1.0)]
    proceed = Next()
    with pytest.raises(Deferred, match=r"^budgets unavailable, no money held$") as caught:
        await stage(calls)(call(**ROUTED), proceed)
    assert (caught.value.wait_s, proceed.calls) == (PATIENCE_S, [])


async def test_a_call_of_a_run_that_has_ended_holds_nothing(calls: Calls) -> None:
    calls.aborts.end("run")
    with pytest.raises(StepError, match="nothing was called") as caught:
        await stage(calls)(call(**ROUTED), Next())
    assert (caught.value.code, calls.trail) == ("canceled", [])


async def test_a_call_that_nothing_breaks_off_is_held_for_all_the_same(calls: Calls) -> None:
    calls.aborts.end("run")
    await stage(calls)(call(**ROUTED, cancel_key=None), Next())
    assert calls.trail == ["hold"]


async def test_the_hold_is_asserted_until_the_answer_is_there_and_not_after(calls: Calls) -> None:
    asserted: list[int] = []

    async def proceed(made: Call) -> Answer:
        for _ in range(20):
            await asyncio.sleep(0)
        asserted.extend(calls.holds.reasserted)
        return await Next()(made)

    await stage(calls)(call(**ROUTED), proceed)
    every_ms = int(LEASE_MS / 3)
    assert asserted[:2] == [NOW_MS + every_ms + TTL_MS, NOW_MS + 2 * every_ms + TTL_MS]
    for _ in range(20):
        await asyncio.sleep(0)
    assert calls.holds.reasserted == asserted


def over_cap(limit: int, spent: int, held: int, run_id: str = "run") -> Refused:
    return Refused(f"run:{run_id}", "the run's own budget", limit, spent, held, None, run_id=run_id)


async def test_a_cap_without_room_fails_the_call_and_says_whose_it_is(calls: Calls) -> None:
    calls.holds.answers = [over_cap(100, 99, 0, "root")]
    with pytest.raises(StepError, match="the budget of run root, which started this one,") as failed:
        await stage(calls)(call(**ROUTED, caps={"root": 100}), Next())
    assert (failed.value.code, failed.value.details["budget_run_id"]) == ("run_budget_exceeded", "root")


async def test_a_call_waits_for_what_other_calls_of_its_run_hold(calls: Calls) -> None:
    calls.holds.answers = [over_cap(10**9, 0, 10**9), Held(NOW_MS, 77)]
    proceed = Next()
    await stage(calls)(call(**ROUTED, caps={"run": 10**9}), proceed)
    assert proceed.call.reserved.amount_nano == 77


async def test_a_call_counts_against_the_caps_that_it_names(calls: Calls) -> None:
    await stage(calls)(call(**ROUTED, caps={"run": 10_000, "root": 20_000}), Next())
    (held,) = calls.holds.held.values()
    assert (dict(held.caps), held.started(0).caps) == ({"run": 10_000, "root": 20_000}, ["root", "run"])
