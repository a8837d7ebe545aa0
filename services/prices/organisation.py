"""The prices of one organisation under one version of its price list."""

import re
from collections.abc import Iterator

from connectors.prices.book import LIST_VERSION, PriceBook
from connectors.prices.listed import Price, Served
from connectors.prices.overrides import Override
from schemas.errors import StepError
from schemas.price_lists import ANY_MODEL, CostSource, PriceEntry, StoredPriceList

_VERSION = re.compile(r"list@(\d+)\+")
#: Of an entry that does not say it, taken from the price file.
_INHERITED = ("picture_tokens", "context_tokens")


class OrganisationPrices(PriceBook):
    """A list over the prices of the installation.

    An entry replaces the whole price of its model. A model that has no price in either costs what the list's rule says
    it is ``priced_as``; without a rule it is refused, as in any book.
    """

    def __init__(self, below: PriceBook, stored: StoredPriceList) -> None:
        known = {(one.provider.lower(), one.model.lower()): one for one in below.overrides}
        super().__init__([*below.overrides, *_overrides(stored.rules.prices, known)])
        self._number = stored.version
        self._rules = {
            (one.provider.lower(), one.model.lower()): (one.as_provider, one.as_model) for one in stored.rules.priced_as
        }
        self._sources = {provider.lower(): source for provider, source in stored.rules.cost_source.items()}

    def version(self, provider: str, model: str) -> str:
        return version_of(self._number, super().version(provider, model))

    def priced_as(self, provider: str, model: str) -> str:
        if self._own(provider, model, None) is not None:
            return ""
        stand_in = self._stand_in(provider, model)
        return "" if stand_in is None else "/".join(stand_in)

    def cost_source(self, provider: str) -> CostSource:
        return self._sources.get(provider.lower(), "computed")

    def price(self, provider: str, model: str, at_ms: int | None = None, served: Served = ()) -> Price:
        found = self._own(provider, model, at_ms, served)
        if found is not None:
            return found
        stand_in = self._stand_in(provider, model)
        # Without a rule the book's own refusal is raised.
        return super().price(*(stand_in or (provider, model)), at_ms, served)

    def _own(self, provider: str, model: str, at_ms: int | None, served: Served = ()) -> Price | None:
        try:
            return super().price(provider, model, at_ms, served)
        except StepError:
            return None

    def _stand_in(self, provider: str, model: str) -> tuple[str, str] | None:
        of_provider = provider.lower()
        return self._rules.get((of_provider, model.lower())) or self._rules.get((of_provider, ANY_MODEL))


def version_of(number: int, book_version: str) -> str:
    """Return how settlements name a price: the organisation's list, and what is below it."""
    return f"list@{number}+{book_version}"


def list_number(price_version: str) -> int:
    """Return the version of the list that a settlement names; 0 for none."""
    found = _VERSION.match(price_version)
    return 0 if found is None else int(found[1])


def _overrides(entries: tuple[PriceEntry, ...], known: dict[tuple[str, str], Override]) -> Iterator[Override]:
    for one in entries:
        below = known.get((one.provider.lower(), one.model.lower()))
        given = one.model_dump() | {"version": LIST_VERSION}
        if below is not None:
            given |= {name: getattr(below, name) for name in _INHERITED if given[name] is None}
        yield Override.model_validate(given)
