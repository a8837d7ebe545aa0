"""What foreign calls cost, by our price lists. It is shown in traces and is not money of the ledger: nobody held it."""

from collections.abc import Callable

from connectors.prices.book import PriceBook
from schemas.errors import StepError
from schemas.records.base import Usage
from services.observability.otlp.incoming.dialects import Facts

#: The largest amount that a record can have.
MAX_NANO = 2**53 - 1

ProviderOf = Callable[[str], str]
"""Returns the provider of a model by the model's name alone, ``""`` when several or none may be meant."""


class Prices:
    """An organisation's prices for the calls of one request. Prices of one model are looked up once."""

    def __init__(self, book: PriceBook, provider_of: ProviderOf) -> None:
        self._book = book
        self._provider_of = provider_of
        self._known: dict[tuple[str, tuple[str, ...]], tuple[str, str] | None] = {}

    def named(self, facts: Facts) -> tuple[str, str]:
        """Return provider and model of a call as the price lists have them, else as the span says."""
        return self._found(facts) or (facts.provider, facts.models[0] if facts.models else "")

    def cost(self, facts: Facts, at_ms: int) -> int | None:
        """Return the cost of a call in nano-dollars; ``None`` of a model without a price."""
        found = self._found(facts)
        return None if found is None else min(MAX_NANO, self._cost(*found, facts.usage, at_ms))

    def _found(self, facts: Facts) -> tuple[str, str] | None:
        key = facts.provider, facts.models
        if key not in self._known:
            self._known[key] = self._look_up(facts)
        return self._known[key]

    def _look_up(self, facts: Facts) -> tuple[str, str] | None:
        for model in facts.models:
            provider = facts.provider or self._provider_of(model)
            try:
                self._book.price(provider, model)
            except StepError:
                continue
            return provider, model
        return None

    def _cost(self, provider: str, model: str, usage: Usage, at_ms: int) -> int:
        try:
            return max(0, self._book.cost(provider, model, usage, at_ms))
        except StepError:
            return 0  # it has a price now, and had none then
