"""What a new price list would change for the models that an organisation's calls use."""

from collections.abc import Iterable
from dataclasses import dataclass

from connectors.clickhouse.models_used import ModelUse
from connectors.prices.book import PriceBook
from connectors.prices.listed import Price
from schemas.errors import InvalidInput, Problem, StepError
from schemas.price_lists import CostSource, PriceList


@dataclass(frozen=True, slots=True)
class Terms:
    """How a model's calls are priced; without a ``price`` they are refused."""

    price: Price | None
    priced_as: str
    cost_source: CostSource


@dataclass(frozen=True, slots=True)
class Change:
    """What changes for one model that is used.

    ``repriced_nano`` is what its calls would have cost; ``None`` where that depends on the size of each, or on what
    the provider states.
    """

    use: ModelUse
    before: Terms
    after: Terms
    repriced_nano: int | None


def changes(used: Iterable[ModelUse], before: PriceBook, after: PriceBook, at_ms: int) -> list[Change]:
    """Return the models whose price, stand-in or cost source changes, in their order."""
    found = []
    for use in used:
        old, new = (terms(prices, use.provider, use.model, at_ms) for prices in (before, after))
        if (_bands(old), old.priced_as, old.cost_source) != (_bands(new), new.priced_as, new.cost_source):
            found.append(Change(use, old, new, _repriced(use, new)))
    return found


def terms(prices: PriceBook, provider: str, model: str, at_ms: int) -> Terms:
    """Return how a model's calls are priced at a time."""
    try:
        price = prices.price(provider, model, at_ms)
    except StepError:
        price = None
    return Terms(price, prices.priced_as(provider, model), prices.cost_source(provider))


def check_rules(rules: PriceList, prices: PriceBook, at_ms: int) -> None:
    """Raise ``InvalidInput`` for a model that is priced as one without a price, or as one that costs nothing."""
    problems = []
    for index, rule in enumerate(rules.priced_as):
        found = terms(prices, rule.as_provider, rule.as_model, at_ms)
        named, field = f"{rule.as_provider}/{rule.as_model}", f"priced_as.{index}.as_model"
        if found.price is None or found.priced_as:
            problems.append(Problem(field, f"{named} has no price of its own", "name a model that has one"))
        elif not found.price.most(1_000_000, 1_000_000):
            problems.append(Problem(field, f"{named} costs nothing", "name a model whose calls cost something"))
    if problems:
        raise InvalidInput.of(*problems)


def _bands(one: Terms) -> object:
    return None if one.price is None else one.price.bands


def _repriced(use: ModelUse, after: Terms) -> int | None:
    if after.price is None or len(after.price.bands) != 1 or after.cost_source == "provider":
        return None
    (band,) = after.price.bands
    units: int = use.calls * band.rates.request
    units += sum(getattr(use.usage, kind) * weight for kind, weight in band.rates.weights)
    return (2 * units + band.rates.scale) // (2 * band.rates.scale)
