"""Prices of models, as calls are booked by them."""

from decimal import Decimal
from fractions import Fraction
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from api.dependencies import AnyReader, Parts
from api.routers.errors import errors
from api.services import Services
from connectors.prices.book import PriceBook
from connectors.prices.listed import Band, Served
from schemas.api_models.base import timestamp
from schemas.api_models.prices import ModelPrice, PriceBand, PricePage
from schemas.clock import utc_now
from schemas.errors import InvalidInput, NotFound, Problem, StepError
from schemas.spec.check.shape import similar

#: Nano-dollars a token for one dollar a million tokens; nano-dollars of a dollar.
_PER_MTOK = 1_000
_PER_USD = 1_000_000_000
_Name = Annotated[str, Query(min_length=1, max_length=256)]
#: What a call may be served as, where that has a price of its own.
_How = Annotated[str, Query(pattern=r"^[a-z_]{1,40}$", description="How a call is served, such as `flex`.")]

router = APIRouter(prefix="/api/v1/prices", tags=["prices"])


@router.get("", responses=errors(404))
async def list_prices(
    _: AnyReader,
    parts: Parts,
    provider: _Name,
    model: _Name | None = None,
    at: AwareDatetime | None = None,
    service_tier: _How | None = None,
    processing: _How | None = None,
    inference_geo: _How | None = None,
) -> PricePage:
    """List what a provider's models cost, or one model, now or at a time, and as a service tier, a batch or a region.

    A model without a price is left out of a list, and is 404 by its name: calls of it fail with `unpriced_model`.
    """
    when = utc_now() if at is None else at
    at_ms = int(when.timestamp() * 1000)
    given = (("service_tier", service_tier), ("processing", processing), ("inference_geo", inference_geo))
    served = tuple((name, how) for name, how in given if how is not None)
    known = parts.definitions.models.names(provider)
    if not known:
        _refuse_provider(parts, provider)
    book = parts.definitions.prices()
    found = [_price(book, provider, name, at_ms, served) for name in ([model] if model else sorted(known))]
    prices = [one for one in found if one is not None]
    if model is not None and not prices:
        raise NotFound(f"there is no price of model {model!r} of {provider!r}; {similar(model, known)}")
    return PricePage(at=timestamp(at_ms), prices=prices)


def _refuse_provider(parts: Services, provider: str) -> None:
    known = parts.definitions.models.added_providers()
    problem = Problem("provider", f"there is no provider '{provider}' with prices", similar(provider, known))
    raise InvalidInput(str(problem), (problem,))


def _price(book: PriceBook, provider: str, model: str, at_ms: int, served: Served) -> ModelPrice | None:
    try:
        price = book.price(provider, model, at_ms, served)
    except StepError:
        return None
    return ModelPrice(
        provider=provider,
        model=model,
        version=price.version,
        context_tokens=book.context_tokens(provider, model),
        bands=[_band(band) for band in price.bands],
    )


def _band(band: Band) -> PriceBand:
    rates = band.rates
    nano = {kind: Fraction(rate, rates.scale) for kind, rate in rates.listed.items()}
    return PriceBand(
        over_input_tokens=band.over,
        usd_per_mtok={kind: _decimal(one / _PER_MTOK) for kind, one in nano.items() if kind.endswith("_tokens")},
        usd_per_unit={kind: _decimal(one / _PER_USD) for kind, one in nano.items() if not kind.endswith("_tokens")},
        usd_per_request=_decimal(Fraction(rates.request, rates.scale) / _PER_USD),
    )


def _decimal(value: Fraction) -> str:
    # Prices are decimals, so the division ends.
    return f"{(Decimal(value.numerator) / Decimal(value.denominator)).normalize():f}"
