"""Counts that cannot be count as not given: the call is booked by its bounds, and noted."""

from typing import Any

import pytest

from connectors.prices.book import Override, PriceBook
from connectors.providers.base import ModelResponse
from schemas.money import MAX_NANO
from schemas.records.base import Usage
from services.calls.call import Call, Reserved
from services.calls.counts import believed
from services.calls.ledger import Ledger
from services.routing.router import Route
from tests.support.calls import NOW_MS, PRICES, call

ROUTED: dict[str, Any] = {"route": Route("openai", "gpt-4o"), "input_tokens": 50}
MADE: dict[str, Any] = ROUTED | {"reserved": Reserved(5_000, NOW_MS, "v1")}
#: ``max_tokens`` of every call here.
MOST = 100
DEAR = PriceBook(
    [
        Override(
            provider="openai",
            model="gpt-4o",
            version="v",
            input_usd_per_mtok=999_999,
            output_usd_per_mtok=0,
            context_tokens=10**9,
        )
    ]
)


def made() -> Call:
    return call(Ledger(), **MADE)


def judged(usage: Usage, prices: PriceBook = PRICES) -> ModelResponse:
    return believed(prices, made(), ModelResponse("text", usage, notes=("earlier:note",)))


def test_counts_that_can_be_are_believed_as_they_are() -> None:
    response = ModelResponse("text", Usage(input_tokens=50, output_tokens=MOST, cache_read_tokens=50))
    assert believed(PRICES, made(), response) is response


def test_more_input_than_was_bounded_is_believed_while_the_model_could_read_it() -> None:
    assert judged(Usage(input_tokens=127_000)).usage.input_tokens == 127_000


@pytest.mark.parametrize(
    ("usage", "booked", "note"),
    [
        (
            Usage(input_tokens=10**15, output_tokens=5, cache_read_tokens=10**14),
            Usage(input_tokens=50, output_tokens=5),
            "input_tokens:impossible",
        ),
        (
            Usage(input_tokens=9, output_tokens=4_294_967_295, reasoning_tokens=7),
            Usage(input_tokens=9, output_tokens=MOST),
            "output_tokens:impossible",
        ),
        (
            Usage(input_tokens=9, output_tokens=5, web_searches=10**9),
            Usage(input_tokens=9, output_tokens=MOST),
            "price:impossible",
        ),
    ],
)
def test_counts_over_what_a_model_reads_or_writes_are_booked_by_the_bound(
    usage: Usage, booked: Usage, note: str
) -> None:
    response = judged(usage)
    assert (response.usage, response.notes) == (booked, ("earlier:note", note))


def test_more_output_than_max_tokens_is_billed_and_so_it_is_believed_and_noted() -> None:
    response = judged(Usage(input_tokens=9, output_tokens=5_000))
    assert (response.usage.output_tokens, response.notes[-1]) == (5_000, "output_tokens:over_max")


def test_a_price_that_no_record_can_hold_is_not_believed() -> None:
    usage = Usage(input_tokens=10**7, output_tokens=99)
    assert DEAR.cost("openai", "gpt-4o", usage) > MAX_NANO
    response = judged(usage, DEAR)
    assert (response.usage, response.notes[-1]) == (Usage(input_tokens=50, output_tokens=MOST), "price:impossible")


def test_a_model_without_a_known_context_has_the_widest() -> None:
    local = call(Ledger(), **MADE | {"route": Route("local", "local-silver")})
    response = believed(PRICES, local, ModelResponse("text", Usage(input_tokens=2**24 + 1)))
    assert response.usage.input_tokens == 50
    assert believed(PRICES, local, ModelResponse("text", Usage(input_tokens=2**24))).usage.input_tokens == 2**24
