"""Calls under the price list of their organisation: held, booked and named by one version."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from connectors.prices.book import PriceBook
from connectors.providers.base import ModelRequest, ModelResponse
from schemas.errors import StepError
from schemas.price_lists import PriceList, StoredPriceList
from schemas.records.definitions import Definition
from schemas.records.money import CostEvent
from services.calls.ledger import Ledger
from services.calls.timeouts import Deferred
from services.prices.lists import PriceLists
from services.routing.router import Pin
from tests.support.calls import NOW_MS, PRICES, USAGE, Calls, actual_cost, call

ENTRY = {"provider": "local", "model": "local-silver", "input_usd_per_mtok": "1", "output_usd_per_mtok": "2"}
RULE = {"provider": "local", "model": "mystery", "as_provider": "local", "as_model": "local-silver"}
UNKNOWN = Pin(provider="local", model="mystery")


def say(lists: PriceLists, version: int, from_ms: int, **rules: Any) -> None:
    stored = StoredPriceList(version=version, effective_from_ms=from_ms, rules=PriceList.model_validate(rules))
    lists.apply(
        Definition(kind="price_list", org_id="acme", id="prices", version=version, body=stored.body(), changed_at_ms=0)
    )


@pytest.fixture
def prices() -> PriceLists:
    found = PriceLists(PriceBook.load())
    found.mark_loaded()
    return found


@pytest.fixture
def calls(tmp_path: Path, prices: PriceLists) -> Calls:
    return Calls(tmp_path, prices=prices)  # type: ignore[arg-type]


async def made(calls: Calls, **changes: Any) -> CostEvent:
    """Make a call and return its settlement."""
    ledger = Ledger()
    await calls.make()(call(ledger, **changes))
    (settlement,) = ledger.costs
    (record,) = ledger.calls
    assert (record.cost_nano, record.price_version) == (settlement.amount_nano, settlement.price_version)
    assert record.priced_as == settlement.priced_as
    return settlement


def stated(calls: Calls, cost: object) -> None:
    """Let the provider state a cost."""
    plain = calls.provider.complete

    async def complete(request: ModelRequest) -> ModelResponse:
        answer = await plain(request)
        return ModelResponse(answer.text, answer.usage, stated_cost_usd=cost)

    calls.provider.complete = complete  # type: ignore[method-assign]


async def test_a_call_is_held_and_booked_by_the_list_of_its_hold(calls: Calls, prices: PriceLists) -> None:
    say(prices, 1, NOW_MS, prices=[ENTRY])
    settlement = await made(calls)
    (start,) = calls.started
    assert settlement.price_version == start.price_version == prices.of("acme", NOW_MS).version("local", "local-silver")
    assert settlement.price_version.startswith("list@1+")
    assert settlement.amount_nano == USAGE.input_tokens * 1_000 + USAGE.output_tokens * 2_000
    assert start.amount_nano == prices.of("acme", NOW_MS).estimate("local", "local-silver", len("Say x"), 100)


async def test_a_list_that_arrives_during_a_call_changes_nothing_of_it(calls: Calls, prices: PriceLists) -> None:
    calls.provider.gate.clear()
    running = asyncio.create_task(made(calls))
    await calls.provider.running.wait()
    say(prices, 1, NOW_MS - 1_000, prices=[ENTRY])
    calls.provider.gate.set()
    settlement = await running
    assert (settlement.amount_nano, settlement.price_version) == (actual_cost(), "local-1")
    again = prices.booked("acme", settlement.price_version)
    cost = again.cost("local", "local-silver", settlement.usage, settlement.booked_at_ms)
    assert cost == settlement.amount_nano
    assert (await made(calls, call_id="next")).amount_nano != settlement.amount_nano


async def test_an_unknown_model_is_refused_before_it_is_held(calls: Calls) -> None:
    with pytest.raises(StepError) as caught:
        await made(calls, pinned=UNKNOWN)
    assert caught.value.code == "unpriced_model"
    assert "invoke" not in calls.trail


async def test_an_unknown_model_that_a_rule_names_is_booked_as_another_and_flagged(
    calls: Calls, prices: PriceLists
) -> None:
    say(prices, 1, NOW_MS, priced_as=[RULE])
    settlement = await made(calls, pinned=UNKNOWN)
    assert (settlement.amount_nano, settlement.priced_as) == (actual_cost(), "local/local-silver")
    assert settlement.model == "mystery"
    (start,) = calls.started
    assert start.presumed().priced_as == start.expired().priced_as == "local/local-silver"
    assert start.amount_nano == PRICES.estimate("local", "local-silver", len("Say x"), 100, NOW_MS)
    assert (await made(calls, call_id="known")).priced_as == ""


async def test_a_stated_cost_is_booked_where_the_list_says_so(calls: Calls, prices: PriceLists) -> None:
    stated(calls, 0.0001)
    before = await made(calls)
    assert (before.amount_nano, before.cost_source) == (actual_cost(), "")
    assert before.stated_difference_nano == 100_000 - actual_cost()
    say(prices, 1, NOW_MS, cost_source={"local": "provider"})
    after = await made(calls, call_id="after")
    assert (after.amount_nano, after.cost_source) == (100_000, "provider")
    assert after.stated_difference_nano == 100_000 - actual_cost()


@pytest.mark.parametrize("absurd", [-1, float("nan"), 10**6, "free"])
async def test_an_absurd_stated_cost_is_never_booked(calls: Calls, prices: PriceLists, absurd: object) -> None:
    stated(calls, absurd)
    say(prices, 1, NOW_MS, cost_source={"local": "provider"})
    settlement = await made(calls)
    assert (settlement.amount_nano, settlement.cost_source) == (actual_cost(), "refused")


async def test_calls_wait_until_lists_are_known(tmp_path: Path) -> None:
    found = PriceLists(PriceBook.load())
    calls = Calls(tmp_path, prices=found)  # type: ignore[arg-type]
    with pytest.raises(Deferred, match="price lists"):
        await made(calls)
    assert calls.trail == []
    found.mark_loaded()
    assert (await made(calls)).amount_nano == actual_cost()
