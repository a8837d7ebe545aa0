"""Makes declared providers, and the price entries that their declarations state."""

import inspect
import logging
from typing import Any

from connectors.prices.overrides import Override
from connectors.providers.custom.provider import CustomProvider
from connectors.providers.custom.registry import CUSTOM, CustomProviders, Declared

log = logging.getLogger(__name__)

#: How settlements name the price that a declaration states.
VERSION = "declared"


def build_custom(declared: CustomProviders = CUSTOM) -> dict[str, CustomProvider]:
    """Return the providers by name; a class that cannot be instantiated is said in the log and left out."""
    built = {}
    for one in declared.all():
        try:
            built[one.name] = _made(one)
        except Exception:
            log.exception("the provider %r is left out; correct its class", one.name, extra={"action": "left_out"})
    return built


def stated_prices(declared: CustomProviders = CUSTOM) -> list[Override]:
    """Return the prices that declarations state, as entries of a price file."""
    return [
        Override(provider=one.name, model=model, version=VERSION, input_usd_per_mtok=given, output_usd_per_mtok=written)
        for one in declared.all()
        for model, (given, written) in one.models.items()
    ]


def _made(one: Declared) -> CustomProvider:
    if not inspect.isclass(one.made_of):
        return CustomProvider(one.name, one.made_of, one.takes)
    made: Any = one.made_of()
    return CustomProvider(one.name, made.generate, one.takes)
