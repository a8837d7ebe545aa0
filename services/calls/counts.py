"""Which counts of a provider are believed. The others count as not given (decision 0021).

=========================  ==================================================================================
a note                     what is booked
=========================  ==================================================================================
input_tokens:impossible    the call's own bound: more was counted than the model can read, and than was sent
output_tokens:impossible   ``max_tokens``: more was counted than the model can write
price:impossible           both bounds: the price has no place in a record
output_tokens:over_max     what was counted: the provider did not honour ``max_tokens``, and bills it
=========================  ==================================================================================
"""

from dataclasses import replace
from typing import NamedTuple

from msgspec import structs

from connectors.prices.listed import Served
from connectors.prices.rates import PART_OF
from connectors.providers.base import ModelResponse
from schemas.money import MAX_NANO
from schemas.records.base import Usage
from services.calls.call import Call
from services.calls.ports import Prices
from services.calls.stated_cost import Booked, booked

#: The context of a model that no list has: more than any model reads.
_WIDEST_CONTEXT = 2**24
#: Searches and billed units of one call.
_MOST_UNITS = 1_000_000
#: The provider did not honour ``max_tokens``, and bills it.
OVER_MAX = "output_tokens:over_max"


class Sizes(NamedTuple):
    """The most that a call can have read and written, and the time whose prices it has."""

    input_tokens: int
    max_tokens: int
    booked_at_ms: int


def believed(prices: Prices, call: Call, response: ModelResponse) -> ModelResponse:
    """Return the answer with counts that can be, and notes on those that could not; mostly as it is."""
    sizes = Sizes(call.input_tokens, call.content.max_tokens, call.reserved.booked_at_ms)
    return believed_of(prices, call.route, sizes, response)


def believed_of(prices: Prices, route: tuple[str, str], sizes: Sizes, response: ModelResponse) -> ModelResponse:
    """Return the answer to a call of this route and these sizes with counts that can be."""
    usage, notes = response.usage, []
    context = prices.context_tokens(*route) or _WIDEST_CONTEXT
    if usage.input_tokens > max(context, sizes.input_tokens):
        usage = _without_parts(usage, "input_tokens", sizes.input_tokens)
        notes.append("input_tokens:impossible")
    most = sizes.max_tokens
    if usage.output_tokens > max(context, most):
        usage = _without_parts(usage, "output_tokens", most)
        notes.append("output_tokens:impossible")
    elif usage.output_tokens > most:
        notes.append(OVER_MAX)
    if _is_absurd(prices, route, sizes.booked_at_ms, usage, response.served):
        usage = Usage(input_tokens=min(usage.input_tokens, sizes.input_tokens), output_tokens=most)
        notes.append("price:impossible")
    if not notes:
        return response
    # A part of a bill is one of the counts that were given.
    share = response.share_nano if usage is response.usage else None
    return replace(response, usage=usage, notes=(*response.notes, *notes), share_nano=share)


def _is_absurd(prices: Prices, route: tuple[str, str], at_ms: int, usage: Usage, served: Served) -> bool:
    if max(usage.web_searches, usage.storage_searches, usage.billed_units) > _MOST_UNITS:
        return True
    return prices.cost(*route, usage, at_ms, served) > MAX_NANO


def _without_parts(usage: Usage, whole: str, count: int) -> Usage:
    parts = dict.fromkeys((kind for kind, wholes in PART_OF.items() if whole in wholes), 0)
    return structs.replace(usage, **parts | {whole: count})


def cost_of(
    prices: Prices, route: tuple[str, str], response: ModelResponse, held_nano: int, booked_at_ms: int
) -> Booked:
    """Return the cost of an answer: its part of a bill that several calls share, or by its usage."""
    if response.share_nano is not None:
        return Booked(response.share_nano)
    computed = prices.cost(*route, response.usage, booked_at_ms, response.served)
    return booked(response.stated_cost_usd, computed, held_nano, prices.cost_source(route[0]))
