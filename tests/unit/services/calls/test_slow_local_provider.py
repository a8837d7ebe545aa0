"""Hedges on the built-in model: one route of it is slow."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.aio.clock import WallClock
from connectors.prices.book import PriceBook
from connectors.providers.base import ModelRequest, ModelResponse
from connectors.providers.local.provider import LocalProvider
from schemas.records.steps import RouteWish
from schemas.tables.routes import NOTHING, Learned
from services.calls.cancellation import Cancellations
from services.calls.ledger import Ledger
from services.calls.pipeline import call_stages, compose
from services.routing.models import Models
from services.routing.policy_router import PolicyRouter
from services.routing.router import Ended
from tests.support.calls import Calls, call, for_all

PRICES = PriceBook.load()
ANSWERS = 150


class Slow(LocalProvider):
    """The built-in model, of which ``local-gold`` does not answer while ``slow`` is set."""

    slow = False

    async def complete(self, request: ModelRequest) -> ModelResponse:
        if self.slow and request.model == "local-gold":
            await asyncio.Event().wait()
        return await super().complete(request)


class Nothing:
    async def learned(self, group: str) -> Learned:
        return NOTHING


@pytest.fixture
async def provider() -> AsyncIterator[Slow]:
    made = Slow()
    yield made
    await made.close()


async def test_gold_call_of_a_slow_model_is_answered_by_its_hedge_and_both_are_paid(
    tmp_path: Path, provider: Slow
) -> None:
    calls = Calls(tmp_path)
    calls.clock = WallClock()  # type: ignore[assignment]
    calls.aborts, calls.provider = Cancellations(calls.clock), provider  # type: ignore[assignment]
    router = PolicyRouter(Models.load(), ["local"], for_all(PRICES), Nothing())
    calls.router = router  # type: ignore[assignment]
    pipeline = compose(call_stages(calls.ports()))
    wish = RouteWish(by="best", hedge=True)
    for number in range(ANSWERS):
        await pipeline(call(tier="silver", wish=RouteWish(by="best"), call_id=f"call#{number}"))
    for _ in range(400):
        await router.report(Ended("acme", "ask", "local/local-gold", False, 20.0))
    provider.slow = True
    ledger = Ledger()
    answer = await asyncio.wait_for(pipeline(call(ledger, tier="silver", wish=wish)), 30)
    assert answer.response.text
    assert [(one.model, one.outcome) for one in sorted(ledger.calls, key=lambda one: one.call_id)] == [
        ("local-gold", "unknown"),
        ("local-silver", "ok"),
    ]
    assert [one.kind for one in sorted(ledger.costs, key=lambda one: one.call_id)] == ["presumed", "actual"]
    assert ledger.cost_nano == sum(one.cost_nano for one in ledger.calls)
