"""Known models and their providers: those with a list price, and those of override files."""

from collections.abc import Callable, Iterable
from pathlib import Path

from genai_prices.data_snapshot import get_snapshot

from connectors.prices.book import DEFAULT_OVERRIDES, PriceBook, read_overrides
from connectors.prices.overrides import Override


class KnownModels:
    """Names of models by provider; they match without regard to case, and dated versions as price lists have them."""

    def __init__(
        self,
        added: Iterable[tuple[str, str]],
        stated: Callable[[], Iterable[Override]] = list,
        prices: PriceBook | None = None,
    ) -> None:
        self._given = {(provider.lower(), model.lower()): provider for provider, model in added}
        self._stated = stated
        self._prices = prices

    @classmethod
    def load(cls, prices_file: str = "", stated: Callable[[], Iterable[Override]] = list) -> "KnownModels":
        """Return the packaged models with ``prices_file``'s. Raises ``ValueError`` for a bad file.

        ``stated`` are the prices that providers state, whenever it is asked.
        """
        files = [DEFAULT_OVERRIDES, *([Path(prices_file)] if prices_file else [])]
        return cls(((one.provider, one.model) for file in files for one in read_overrides(file)), stated)

    def under(self, prices: PriceBook) -> "KnownModels":
        """Return these models with those that an organisation's prices add, by name or by what they are priced as."""
        own = [(provider, model) for (_, model), provider in self._given.items()]
        listed = [(one.provider, one.model) for one in prices.overrides]
        return KnownModels([*own, *listed], self._stated, prices)

    @property
    def _added(self) -> dict[tuple[str, str], str]:
        return {(one.provider.lower(), one.model.lower()): one.provider for one in self._stated()} | self._given

    def has(self, provider: str, model: str) -> bool:
        """Return true if a provider has a model, as far as is known here."""
        if (provider.lower(), model.lower()) in self._added or _listed(provider.lower(), model.lower()) is not None:
            return True
        return self._prices is not None and bool(self._prices.priced_as(provider, model))

    def provider_of(self, model: str) -> str | None:
        """Return the provider that has a model: the one that makes it, if several do; ``None`` for an unknown model."""
        added = (name for (_, known), name in self._added.items() if known == model.lower())
        return next(added, None) or _listed(None, model.lower())

    def added_providers(self) -> frozenset[str]:
        """Return the providers that override files name."""
        return frozenset(self._added.values())

    def names(self, provider: str | None = None) -> frozenset[str]:
        """Return the names of models, of one provider or of all that override files name and that make their own."""
        listed = [one for one in get_snapshot().providers if provider is None or one.id == provider.lower()]
        added = {model for name, model in self._added if provider is None or name == provider.lower()}
        return frozenset(added | {model.id for one in listed for model in one.models})


def _listed(provider: str | None, model: str) -> str | None:
    try:
        return get_snapshot().find_provider_model(model, None, provider, None)[0].id
    except LookupError:
        return None
