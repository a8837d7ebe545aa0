"""Step 4: which model is asked, and how many tokens it may read."""

from pathlib import Path
from typing import Any

import pytest

from connectors.prices.book import Override, PriceBook
from connectors.providers.conversation import ToolSpec, Turn, weight
from connectors.providers.images import ImageInput
from schemas.errors import StepError
from services.calls.ledger import Ledger
from services.calls.stages.route import RouteCall, routed
from services.routing.router import Pin, Route
from tests.support.calls import PICTURE_TOKENS, PRICES, Calls, Next, call

PICTURES = (ImageInput("image/png", b"one"), ImageInput("image/png", b"two"))


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    return Calls(tmp_path)


def stage(calls: Calls, prices: Any = PRICES) -> RouteCall:
    return RouteCall(calls.router, {"local": calls.provider}, prices, calls.clock, calls.aborts)


@pytest.mark.parametrize(
    ("tier", "pin", "route"),
    [
        ("gold", Pin(), Route("local", "local-gold")),
        ("bronze", Pin(provider="local"), Route("local", "local-bronze")),
        ("bronze", Pin(model="another"), Route("local", "another")),
        ("bronze", Pin("local", "another"), Route("local", "another")),
    ],
)
async def test_a_pin_goes_before_the_default_of_the_tier(calls: Calls, tier: Any, pin: Pin, route: Route) -> None:
    proceed, ledger = Next(), Ledger()
    await stage(calls)(call(ledger, tier=tier, pinned=pin), proceed)
    assert proceed.call.route == route
    assert (ledger.provider, ledger.model) == route


@pytest.mark.parametrize(
    ("pin", "code", "fix"),
    [
        (Pin(provider="nowhere"), "no_route", "'nowhere' is pinned without a model"),
        (Pin("nowhere", "m"), "unknown_provider", "no provider 'nowhere' here .there is: local."),
    ],
)
async def test_a_route_that_cannot_be_taken_is_final(calls: Calls, pin: Pin, code: str, fix: str) -> None:
    proceed = Next()
    with pytest.raises(StepError, match=fix) as caught:
        await stage(calls)(call(pinned=pin), proceed)
    assert (caught.value.code, caught.value.retryable, proceed.calls) == (code, False, [])


async def test_a_call_is_routed_once(calls: Calls) -> None:
    proceed = Next()
    await stage(calls)(await routed(calls.router, call()), proceed)
    assert calls.trail == ["route"]


async def test_the_bound_of_the_tokens_has_tools_turns_and_pictures(calls: Calls) -> None:
    tools, turns = (ToolSpec("t", "a tool", {}),), (Turn("so", (), ("found",)),)
    proceed = Next()
    await stage(calls)(call(tools=tools, turns=turns, pictures=PICTURES), proceed)
    assert proceed.call.input_tokens == len(weight("Say x", tools, turns)) + 2 * PICTURE_TOKENS


async def test_what_the_prices_say_of_a_picture_goes_before_the_provider(calls: Calls) -> None:
    price = {"version": "t", "input_usd_per_mtok": 1, "output_usd_per_mtok": 1}
    override = Override(provider="local", model="local-silver", picture_tokens=9, **price)
    proceed = Next()
    await stage(calls, PriceBook([override]))(call(pictures=PICTURES), proceed)
    assert proceed.call.input_tokens == len("Say x") + 2 * 9
