"""Prices what an export of usage counts, by the organisation's own prices."""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal

from connectors.prices.book import PriceBook
from schemas.errors import InvalidInput, Problem, StepError
from services.billing.exports import Charge, Used

_NOON = 12


def priced(charges: Iterable[Charge], prices: PriceBook, provider: str) -> list[Charge]:
    """Return charges whose usage has an amount. Raises ``InvalidInput`` for a model without a price.

    Counts are sums over many calls, so prices of long contexts, which go by the tokens of one, are left out.
    """
    return [
        one if one.used is None else one._replace(amount=_amount(one, one.used, prices, provider)) for one in charges
    ]


def _amount(charge: Charge, used: Used, prices: PriceBook, provider: str) -> Decimal:
    day = charge.day
    noon_ms = int(datetime(day.year, day.month, day.day, _NOON, tzinfo=UTC).timestamp() * 1000)
    try:
        price = prices.price(provider, charge.model, noon_ms, used.served)
    except StepError as exc:
        problem = Problem(
            "model", f"there is no price for {charge.model!r}", "send an export of costs, or add its price"
        )
        raise InvalidInput.of(problem) from exc
    rates = price.bands[0].rates
    units = used.requests * rates.request
    units += sum(getattr(used.usage, kind) * weight for kind, weight in rates.weights)
    return Decimal(units) / rates.scale
