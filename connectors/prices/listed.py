"""The list prices that `genai-prices` brings along. Nothing here calls out."""

import importlib.metadata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from math import prod

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, ModelPrice, TieredPrices

from connectors.prices.overrides import PER_MTOK
from connectors.prices.rates import Rates, rates_of
from schemas.records.base import Usage

LIST_VERSION = f"genai-prices/{importlib.metadata.version('genai-prices')}"
#: Nano-dollars a request or a search for one dollar a thousand of them.
_PER_THOUSAND = 1_000_000
#: Our kinds of usage by the library's keys of their prices.
_TOKENS: Mapping[str, str] = {
    "input_mtok": "input_tokens",
    "output_mtok": "output_tokens",
    "cache_read_mtok": "cache_read_tokens",
    "cache_write_mtok": "cache_write_tokens",
    "cache_write_1h_mtok": "cache_write_1h_tokens",
    "output_reasoning_mtok": "reasoning_tokens",
    "output_citation_mtok": "citation_tokens",
    "input_tool_mtok": "tool_tokens",
    "input_audio_mtok": "input_audio_tokens",
    "output_audio_mtok": "output_audio_tokens",
    "cache_audio_read_mtok": "cache_audio_read_tokens",
    "input_image_mtok": "input_image_tokens",
    "output_image_mtok": "output_image_tokens",
    "cache_image_read_mtok": "cache_image_read_tokens",
    "input_video_mtok": "input_video_tokens",
    "output_video_mtok": "output_video_tokens",
}
_COUNTED: Mapping[str, str] = {
    "web_searches_kcount": "web_searches",
    "storage_searches_kcount": "storage_searches",
}

#: How a call was served where that has a price of its own, such as ``("service_tier", "priority")``.
Served = tuple[tuple[str, str], ...]
_ONE = Fraction(1)
#: Factors on all tokens where the list has no price for how a model was served, by provider and how.
_FACTORS: Mapping[tuple[str, str, str], Fraction] = {
    ("anthropic", "inference_geo", "us"): Fraction(11, 10),
    ("anthropic", "processing", "batch"): Fraction(1, 2),
    ("google", "processing", "batch"): Fraction(1, 2),
    ("google", "service_tier", "flex"): Fraction(1, 2),
    # Models have 1.75 to 2 times their price; where the list does not say, nothing is booked too low.
    ("google", "service_tier", "priority"): Fraction(2),
    ("openai", "processing", "batch"): Fraction(1, 2),
}


@dataclass(frozen=True, slots=True)
class Band:
    """The rates of calls with more than ``over`` input tokens. Most models have a single one, over -1."""

    over: int
    rates: Rates


@dataclass(frozen=True, slots=True)
class Price:
    """A model's price, with the version of the table that it is from."""

    version: str
    bands: tuple[Band, ...]

    def most(self, input_tokens: int, output_tokens: int, absent: Collection[str] = ()) -> int:
        """Return the most that so many tokens, or fewer, can cost, of whatever kinds but ``absent``: nano-dollars."""
        return max(b.rates.ceiling(input_tokens, output_tokens, absent) for b in self.bands if input_tokens > b.over)

    def of(self, usage: Usage) -> int:
        """Return the price of a usage in nano-dollars."""
        return self._rates(usage).rounded(usage)

    def exact(self, usage: Usage) -> Fraction:
        """Return the price of a usage in nano-dollars, not rounded."""
        return self._rates(usage).exact(usage)

    def _rates(self, usage: Usage) -> Rates:
        return next(b.rates for b in reversed(self.bands) if usage.input_tokens > b.over)


# List prices change by the hour at most; by the minute keeps the key small and the hour's turn exact.
@lru_cache(maxsize=512)
def list_price(provider: str, model: str, minute: int, served: Served = ()) -> Price | None:
    """Return a model's list price at a time; ``None`` when it has none, or none by tokens (audio, pages)."""
    info = _find(provider, model)
    if info is None:
        return None
    prices = info.get_prices(datetime.fromtimestamp(minute * 60, UTC), dict(served))
    bands = bands_of(prices, _factor(info, provider, served))
    return Price(LIST_VERSION, bands) if bands else None


def bands_of(prices: ModelPrice, factor: Fraction = _ONE) -> tuple[Band, ...]:
    """Return a list price as rates; empty when it is not by tokens. ``factor`` is on all tokens."""
    if prices.input_mtok is None:
        return ()
    starts = {-1} | {start for key in _TOKENS for start in _starts(getattr(prices, key))}
    return tuple(Band(over, _rates_over(prices, over, factor)) for over in sorted(starts))


def _factor(info: ModelInfo, provider: str, served: Served) -> Fraction:
    listed = {how for variant in info.price_variants or () for how in variant.when.items()}
    return prod((_FACTORS.get((provider, *how), _ONE) for how in served if how not in listed), start=_ONE)


def list_context(provider: str, model: str) -> int | None:
    """Return how many tokens a model can read, where the list has it."""
    info = _find(provider, model)
    return None if info is None else info.context_window


def canonical_model(provider: str, model: str) -> str:
    """Return the list's own name of a model, so that dated versions and aliases are one; else the name as it is."""
    info = _find(provider, model)
    return model if info is None else info.id


@lru_cache(maxsize=512)
def _find(provider: str, model: str) -> ModelInfo | None:
    try:
        return get_snapshot().find_provider_model(model, None, provider, None)[1]
    except LookupError:
        return None


def _starts(price: Decimal | TieredPrices | None) -> list[int]:
    return [tier.start for tier in price.tiers] if isinstance(price, TieredPrices) else []


def _rates_over(prices: ModelPrice, over: int, factor: Fraction) -> Rates:
    nano: dict[str, Fraction] = {}
    for kinds, per in ((_TOKENS, PER_MTOK * factor), (_COUNTED, _PER_THOUSAND)):
        for key, kind in kinds.items():
            price = getattr(prices, key)
            if price is not None:
                nano[kind] = _at(price, over) * per
    request = prices.requests_kcount
    return rates_of(nano, Fraction(0) if request is None else _at(request, over) * _PER_THOUSAND)


def _at(price: Decimal | TieredPrices, over: int) -> Fraction:
    """Return the price just over a number of input tokens: a tier's price holds for all tokens of a call."""
    if isinstance(price, TieredPrices):
        reached = [tier.price for tier in price.tiers if over >= tier.start]
        return Fraction(reached[-1] if reached else price.base)
    return Fraction(price)
