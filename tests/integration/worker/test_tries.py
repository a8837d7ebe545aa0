"""Tries of a call on a real Redis: each has a hold and a settlement of its own, also when a worker dies between two."""

import asyncio

import pytest

from connectors.prices.book import PriceBook
from connectors.providers.base import ModelRequest
from connectors.redis.breakers import RedisBreakers
from connectors.redis.keys import breaker_key
from schemas.errors import StepError
from schemas.records.run_events import StepFailed, StepSucceeded
from schemas.records.steps import RouteWish
from schemas.tables.routes import NOTHING, Learned
from services.routing.models import Models
from services.routing.policy_router import PolicyRouter
from tests.support.calls import for_all
from tests.support.worker import Bench, llm, until

WISH = RouteWish(by="best", fallbacks=2)
ROUTES = [f"local/local-{tier}" for tier in ("gold", "silver", "bronze")]


class Nothing:
    async def learned(self, group: str) -> Learned:
        return NOTHING


@pytest.fixture
async def routed(bench: Bench) -> Bench:
    """A bench whose calls are routed to the best of three models."""
    await bench.redis.unlink(*map(breaker_key, ROUTES))
    estimate = for_all(PriceBook.load())
    bench.router = PolicyRouter(Models.load(), ["local"], estimate, Nothing(), RedisBreakers(bench.redis))
    return bench


def failing(*models: str) -> object:
    def reply(request: ModelRequest) -> str:
        if request.model in models:
            raise StepError("provider_unavailable", "down", retryable=True)
        return f"of {request.model}"

    return reply


async def test_fallback_answers_within_the_attempt_and_nothing_is_held_after_it(routed: Bench) -> None:
    routed.provider.reply = failing("local-gold")  # type: ignore[assignment]
    await routed.ask(routed.request(llm("hello", route=WISH), tier="bronze"))
    pump = routed.worker()
    await pump.start()
    await routed.idle(pump)
    (result,) = routed.results()
    assert isinstance(result, StepSucceeded)
    assert (result.model, len(result.call_ids)) == ("local-silver", 2)
    settled = {cost.call_id: cost for cost in routed.costs()}
    assert len(routed.costs()) == len(settled) == len(routed.started()) == 2
    assert set(settled) == {call.call_id for call in routed.calls()} == set(result.call_ids)
    assert sum(cost.amount_nano for cost in settled.values()) == result.cost_nano > 0


async def test_breaker_of_a_route_that_failed_often_is_not_asked_as_a_fallback(routed: Bench) -> None:
    breakers = RedisBreakers(routed.redis)
    for _ in range(5):
        await breakers.report("local/local-silver", failed=True)
    routed.provider.reply = failing("local-gold")  # type: ignore[assignment]
    await routed.ask(routed.request(llm("hello", route=WISH), tier="bronze"))
    pump = routed.worker()
    await pump.start()
    await routed.idle(pump)
    assert [request.model for request in routed.provider.asked] == ["local-gold", "local-bronze"]
    await routed.redis.unlink(*map(breaker_key, ROUTES))


async def test_all_routes_that_fail_leave_the_attempt_to_its_retry(routed: Bench) -> None:
    routed.provider.reply = failing("local-gold", "local-silver", "local-bronze")  # type: ignore[assignment]
    await routed.ask(routed.request(llm("hello", route=WISH), tier="bronze"))
    pump = routed.worker()
    await pump.start()
    await routed.idle(pump)
    (result,) = routed.results()
    assert isinstance(result, StepFailed)
    assert (result.error.code, result.error.retryable, result.cost_nano) == ("provider_unavailable", True, 0)
    assert "local/local-bronze: provider_unavailable" in result.error.details["other_routes"]
    assert len(routed.costs()) == 3


async def test_worker_that_dies_in_the_second_try_settles_nothing_twice(routed: Bench) -> None:
    second = asyncio.Event()

    def reply(request: ModelRequest) -> str:
        if request.model == "local-gold":
            raise StepError("provider_unavailable", "down", retryable=True)
        return "an answer"

    routed.provider.reply = reply
    complete = routed.provider.complete

    async def hangs_once(request: ModelRequest) -> object:
        if request.model == "local-silver" and not second.is_set():
            second.set()
            await asyncio.Event().wait()
        return await complete(request)

    routed.provider.complete = hangs_once  # type: ignore[method-assign, assignment]
    request = routed.request(llm("hello", route=WISH), tier="bronze")
    await routed.ask(request)
    first = routed.worker("w1")
    await first.start()
    await second.wait()
    # Its ledger is lost with it, as after a kill -9.
    await first.stop(0.0)
    assert routed.costs() == []
    other = routed.worker("w2")
    await other.start()
    await until(lambda: any(isinstance(one, StepSucceeded) for one in routed.results()))
    await routed.idle(other)
    settled = [cost.call_id for cost in routed.costs()]
    assert len(settled) == len(set(settled)) == 2
    started = [one.call_id for one in routed.started()]
    assert len(started) == len(set(started)) == 4, "the first two are presumed when their holds end"
    assert set(settled) == set(started[2:])
