"""What tokens cost: the list prices that `genai-prices` brings along, and override files for the rest.

Nothing here calls out. An override file is a JSON list of ``{provider, model, version, input_usd_per_mtok,
output_usd_per_mtok, usd_per_request?, picture_tokens?}``; it adds a model or replaces its list price. Prices
are US dollars per million tokens, as providers publish them. A call's cost is computed in whole numbers and
rounded half up, once.
"""

import importlib.metadata
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from math import lcm
from pathlib import Path
from typing import Annotated

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, ModelPrice, TieredPrices
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from schemas.clock import now_ms
from schemas.errors import StepError
from schemas.records.base import Usage

DEFAULT_OVERRIDES = Path(__file__).with_name("override.json")
LIST_VERSION = f"genai-prices/{importlib.metadata.version('genai-prices')}"

#: Nano-dollars a token for one dollar a million tokens, and a request for one dollar a thousand requests.
_PER_MTOK = 1_000
_PER_THOUSAND = 1_000_000
_PER_UNIT = 1_000_000_000

_Usd = Annotated[Decimal, Field(ge=0, lt=1_000_000, decimal_places=12)]


class Override(BaseModel):
    """One entry of an override file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider: str = Field(min_length=1)
    model: str = Field(min_length=1)
    version: str = Field(min_length=1)
    input_usd_per_mtok: _Usd
    output_usd_per_mtok: _Usd
    usd_per_request: _Usd = Decimal(0)
    picture_tokens: int | None = Field(default=None, ge=1, le=10_000_000)


@dataclass(frozen=True, slots=True)
class Rates:
    """Whole numbers in units of 1/``scale`` nano-dollar: per input token, per output token, per request."""

    input: int
    output: int
    request: int
    scale: int

    def units(self, input_tokens: int, output_tokens: int) -> int:
        """Return the price of a call in units of 1/``scale`` nano-dollar."""
        return input_tokens * self.input + output_tokens * self.output + self.request

    def rounded(self, input_tokens: int, output_tokens: int) -> int:
        """Return nano-dollars, rounded half up."""
        return (2 * self.units(input_tokens, output_tokens) + self.scale) // (2 * self.scale)

    def ceiling(self, input_tokens: int, output_tokens: int) -> int:
        """Return nano-dollars, rounded up."""
        return -(-self.units(input_tokens, output_tokens) // self.scale)


@dataclass(frozen=True, slots=True)
class _Band:
    """The rates of calls with more than ``over`` input tokens. Most models have a single one, over -1."""

    over: int
    rates: Rates


@dataclass(frozen=True, slots=True)
class _Price:
    version: str
    bands: tuple[_Band, ...]


class PriceBook:
    """Prices by provider and model; names match without regard to case.

    Every method raises a final ``StepError`` with code ``unpriced_model`` when there is no price. ``at_ms``
    is the time of the call, for list prices that changed or depend on the hour; give the hold's time to
    both ``estimate`` and ``cost``, so that the one is an upper bound of the other. Without it, now is
    meant.
    """

    def __init__(self, overrides: list[Override]) -> None:
        self._overrides = {(o.provider.lower(), o.model.lower()): _override_price(o) for o in overrides}
        self._picture_tokens = {(o.provider.lower(), o.model.lower()): o.picture_tokens for o in overrides}

    @classmethod
    def load(cls, prices_file: str = "") -> "PriceBook":
        """Return the packaged prices with ``prices_file``'s on top. Raises ``ValueError`` for a bad file."""
        files = [DEFAULT_OVERRIDES, *([Path(prices_file)] if prices_file else [])]
        return cls([override for file in files for override in read_overrides(file)])

    def estimate(self, provider: str, model: str, input_tokens: int, max_tokens: int, at_ms: int | None = None) -> int:
        """Return the most that a call can cost in nano-dollars; ``input_tokens`` is an upper bound too."""
        bands = self._price(provider, model, at_ms).bands
        return max(b.rates.ceiling(input_tokens, max_tokens) for b in bands if input_tokens > b.over)

    def cost(self, provider: str, model: str, usage: Usage, at_ms: int | None = None) -> int:
        """Return what a call did cost in nano-dollars."""
        bands = self._price(provider, model, at_ms).bands
        rates = next(b.rates for b in reversed(bands) if usage.input_tokens > b.over)
        return rates.rounded(usage.input_tokens, usage.output_tokens)

    def picture_tokens(self, provider: str, model: str) -> int | None:
        """Return the most tokens that a model counts for one picture; ``None`` where no override says so."""
        return self._picture_tokens.get((provider.lower(), model.lower()))

    def version(self, provider: str, model: str) -> str:
        """Return which price table a model's price is from, as cost events carry it."""
        return self._price(provider, model, None).version

    def _price(self, provider: str, model: str, at_ms: int | None) -> _Price:
        found = self._overrides.get((provider.lower(), model.lower()))
        if found is None:
            minute = (now_ms() if at_ms is None else at_ms) // 60_000
            found = _list_price(provider.lower(), model.lower(), minute)
        if found is None:
            raise StepError(
                "unpriced_model",
                f"there is no price for model {model!r} of provider {provider!r}: to the JSON list in the file "
                f'that PRICES_FILE names add {{"provider": "{provider}", "model": "{model}", "version": "1", '
                '"input_usd_per_mtok": "…", "output_usd_per_mtok": "…"}, and restart',
            )
        return found


def read_overrides(file: Path) -> list[Override]:
    """Return the entries of an override file. Raises ``ValueError`` that says what is wrong where."""
    try:
        return TypeAdapter(list[Override]).validate_json(file.read_bytes())
    except OSError as exc:
        raise ValueError(f"the price file {file} cannot be read: {exc.strerror}; see PRICES_FILE") from exc
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "file"
        raise ValueError(f"the price file {file} is wrong at {where}: {first['msg']}") from exc


def _override_price(override: Override) -> _Price:
    request_nano = override.usd_per_request * _PER_UNIT
    rates = _rates(override.input_usd_per_mtok, override.output_usd_per_mtok, request_nano)
    return _Price(override.version, (_Band(-1, rates),))


# List prices change by the hour at most; by the minute keeps the key small and the hour's turn exact.
@lru_cache(maxsize=512)
def _list_price(provider: str, model: str, minute: int) -> _Price | None:
    info = _find(provider, model)
    prices = None if info is None else info.get_prices(datetime.fromtimestamp(minute * 60, UTC))
    if prices is None or prices.input_mtok is None:
        return None  # unknown, or not priced by tokens (audio, pages)
    starts = {-1} | {start for price in (prices.input_mtok, prices.output_mtok) for start in _starts(price)}
    return _Price(LIST_VERSION, tuple(_Band(over, _rates_over(prices, over)) for over in sorted(starts)))


@lru_cache(maxsize=512)
def _find(provider: str, model: str) -> ModelInfo | None:
    try:
        return get_snapshot().find_provider_model(model, None, provider, None)[1]
    except LookupError:
        return None


def _starts(price: Decimal | TieredPrices | None) -> list[int]:
    return [tier.start for tier in price.tiers] if isinstance(price, TieredPrices) else []


def _rates_over(prices: ModelPrice, over: int) -> Rates:
    request = _at(prices.requests_kcount, over) * _PER_THOUSAND
    return _rates(_at(prices.input_mtok, over), _at(prices.output_mtok, over), request)


def _at(price: Decimal | TieredPrices | None, over: int) -> Decimal:
    """Return the price just over a number of input tokens: a tier's price holds for all tokens of a call."""
    if isinstance(price, TieredPrices):
        reached = [tier.price for tier in price.tiers if over >= tier.start]
        return reached[-1] if reached else price.base
    return Decimal(0) if price is None else price


def _rates(input_usd: Decimal, output_usd: Decimal, request_nano: Decimal) -> Rates:
    exact = [Fraction(amount) for amount in (input_usd, output_usd, request_nano)]
    nano = [exact[0] * _PER_MTOK, exact[1] * _PER_MTOK, exact[2]]
    scale = lcm(*(rate.denominator for rate in nano))
    whole = [int(rate * scale) for rate in nano]
    return Rates(input=whole[0], output=whole[1], request=whole[2], scale=scale)
