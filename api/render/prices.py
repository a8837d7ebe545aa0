"""Prices as answers: exact decimals."""

from decimal import Decimal
from fractions import Fraction

from connectors.postgres.money.price_lists import ListLine, ListVersion
from connectors.prices.book import PriceBook
from connectors.prices.listed import Band, Price, Served
from schemas import money
from schemas.api_models.base import timestamp
from schemas.api_models.money.prices import (
    ListState,
    ModelPrice,
    PriceBand,
    PriceChange,
    PricedTerms,
    PriceListAnswer,
    PriceListLine,
)
from schemas.errors import StepError
from services.prices.changes import Change, Terms

#: Nano-dollars a token for one dollar a million tokens; nano-dollars of a dollar.
_PER_MTOK = 1_000
_PER_USD = 1_000_000_000


def model_price(book: PriceBook, provider: str, model: str, at_ms: int, served: Served) -> ModelPrice | None:
    """Return a model's price; ``None`` when its calls are refused."""
    try:
        price = book.price(provider, model, at_ms, served)
        version = book.version(provider, model)
    except StepError:
        return None
    return ModelPrice(
        provider=provider,
        model=model,
        version=version,
        priced_as=book.priced_as(provider, model) or None,
        cost_source=book.cost_source(provider),
        context_tokens=book.context_tokens(provider, model),
        bands=_bands(price),
    )


def price_list(one: ListVersion, effective: int, at_ms: int) -> PriceListAnswer:
    """Return a version; ``effective`` is the one that holds."""
    stored = one.stored
    return PriceListAnswer(
        version=stored.version,
        state=_state(stored.version, stored.effective_from_ms, effective, at_ms),
        effective_from=timestamp(stored.effective_from_ms),
        prices=[entry.model_dump(mode="json", exclude_defaults=True) for entry in stored.rules.prices],
        priced_as=list(stored.rules.priced_as),
        cost_source=stored.rules.cost_source,
        created_by=one.created_by,
        created_at=timestamp(one.created_ms),
    )


def price_list_line(one: ListLine, effective: int, at_ms: int) -> PriceListLine:
    """Return what a version is, without its prices."""
    return PriceListLine(
        version=one.version,
        state=_state(one.version, one.effective_from_ms, effective, at_ms),
        effective_from=timestamp(one.effective_from_ms),
        prices=one.prices,
        priced_as=one.rules,
        created_by=one.created_by,
        created_at=timestamp(one.created_ms),
    )


def _state(version: int, from_ms: int, effective: int, at_ms: int) -> ListState:
    return "effective" if version == effective else "pending" if from_ms > at_ms else "superseded"


def price_change(one: Change) -> PriceChange:
    """Return what changes for a model."""
    return PriceChange(
        provider=one.use.provider,
        model=one.use.model,
        calls=one.use.calls,
        booked_usd=money.usd(one.use.amount_nano),
        repriced_usd=None if one.repriced_nano is None else money.usd(one.repriced_nano),
        before=_terms(one.before),
        after=_terms(one.after),
    )


def _terms(one: Terms) -> PricedTerms:
    bands = None if one.price is None else _bands(one.price)
    return PricedTerms(bands=bands, priced_as=one.priced_as or None, cost_source=one.cost_source)


def _bands(price: Price) -> list[PriceBand]:
    return [_band(band) for band in price.bands]


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
