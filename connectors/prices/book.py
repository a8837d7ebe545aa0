"""What calls cost: the list prices that `genai-prices` brings along, and override files for the rest.

Nothing here calls out. Prices are US dollars per million tokens, as providers publish them, for each kind of usage. A
call's cost is computed in whole numbers and rounded half up, once.
"""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Protocol

from connectors.prices.listed import LIST_VERSION, Band, Price, Served, list_context, list_price
from connectors.prices.overrides import Override, read_overrides
from schemas.clock import now_ms
from schemas.errors import StepError
from schemas.price_lists import CostSource
from schemas.records.base import Usage

__all__ = ["DEFAULT_OVERRIDES", "LIST_VERSION", "PriceBook", "PricesOf", "read_overrides"]

DEFAULT_OVERRIDES = Path(__file__).with_name("override.json")


class PriceBook:
    """Prices by provider and model; names match without regard to case.

    Every method raises a final ``StepError`` with code ``unpriced_model`` when there is no price. ``at_ms``
    is the time of the call, for list prices that changed or depend on the hour; give the hold's time to
    both ``estimate`` and ``cost``, so that the one is an upper bound of the other. Without it, now is
    meant.
    """

    def __init__(self, overrides: Iterable[Override]) -> None:
        self._overrides = {_key(o.provider, o.model): o for o in overrides}
        self._prices = {key: Price(o.version, (Band(-1, o.rates()),)) for key, o in self._overrides.items()}

    @classmethod
    def load(cls, prices_file: str = "", stated: Iterable[Override] = ()) -> "PriceBook":
        """Return the packaged prices, those ``stated`` by providers, and ``prices_file``'s on top.

        Raises ``ValueError`` for a bad file.
        """
        given = read_overrides(Path(prices_file)) if prices_file else []
        return cls([*read_overrides(DEFAULT_OVERRIDES), *stated, *given])

    @property
    def overrides(self) -> tuple[Override, ...]:
        """The entries that add to the list prices, or replace them."""
        return tuple(self._overrides.values())

    def check_known(self) -> None:
        """Return, as all prices are known. Prices of organisations raise ``Unavailable`` until they are."""

    def of(self, org_id: str, at_ms: int) -> "PriceBook":
        """Return the prices of an organisation at a time: here the same for all."""
        return self

    def booked(self, org_id: str, price_version: str) -> "PriceBook":
        """Return the prices by which a settlement was booked: here the same for all."""
        return self

    def priced_as(self, provider: str, model: str) -> str:
        """Return the route whose price stands in for a model without one; empty, as here none does."""
        return ""

    def cost_source(self, provider: str) -> CostSource:
        """Return whose cost of a provider's calls counts: the one that is computed by prices."""
        return "computed"

    def estimate(
        self,
        provider: str,
        model: str,
        input_tokens: int,
        max_tokens: int,
        at_ms: int | None = None,
        absent: Collection[str] = (),
        served: Served = (),
    ) -> int:
        """Return the most that a call can cost in nano-dollars; ``input_tokens`` is an upper bound too.

        All tokens are taken as the dearest kind that they may turn out to be: a provider decides by itself what it
        writes to its cache. ``absent`` are kinds that the request cannot lead to, ``served`` how it may be
        served where that has a price of its own.
        """
        return self.price(provider, model, at_ms, served).most(input_tokens, max_tokens, absent)

    def cost(self, provider: str, model: str, usage: Usage, at_ms: int | None = None, served: Served = ()) -> int:
        """Return the cost of a call in nano-dollars, by how it was ``served``; a price file has one price for all."""
        return self.price(provider, model, at_ms, served).of(usage)

    def picture_tokens(self, provider: str, model: str) -> int | None:
        """Return the most tokens that a model counts for one picture; ``None`` where no override says so."""
        override = self._overrides.get(_key(provider, model))
        return None if override is None else override.picture_tokens

    def context_tokens(self, provider: str, model: str) -> int | None:
        """Return how many tokens a model can read, input and output; ``None`` where nothing says so."""
        override = self._overrides.get(_key(provider, model))
        given = None if override is None else override.context_tokens
        return given if given is not None else list_context(*_key(provider, model))

    def version(self, provider: str, model: str) -> str:
        """Return which price table a model's price is from, as cost events carry it."""
        return self.price(provider, model, None).version

    def price(self, provider: str, model: str, at_ms: int | None = None, served: Served = ()) -> Price:
        """Return a model's price by kinds of usage."""
        found = self._prices.get(_key(provider, model))
        if found is None:
            minute = (now_ms() if at_ms is None else at_ms) // 60_000
            found = list_price(*_key(provider, model), minute, served)
        if found is None:
            raise StepError(
                "unpriced_model",
                f"there is no price for model {model!r} of provider {provider!r}: to the JSON list in the file "
                f'that PRICES_FILE names add {{"provider": "{provider}", "model": "{model}", "version": "1", '
                '"input_usd_per_mtok": "…", "output_usd_per_mtok": "…"}, and restart; or add it to the '
                "organisation's price list (POST /api/v1/prices/overrides), with a price or as `priced_as`",
            )
        return found


class PricesOf(Protocol):
    """The prices of organisations, as processes read them that make no calls."""

    async def of(self, org_id: str, at_ms: int) -> PriceBook:
        """Return an organisation's prices at a time. Raises ``Unavailable``."""
        ...


def _key(provider: str, model: str) -> tuple[str, str]:
    return provider.lower(), model.lower()
