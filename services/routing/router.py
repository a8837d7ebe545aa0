"""Which model answers a step: what the node pins, else the default route of its tier."""

from collections.abc import Mapping

from schemas.errors import StepError
from schemas.spec.policy import TIERS, Tier

Route = tuple[str, str]

#: Works without a key: the local provider's three models.
LOCAL_ROUTES: Mapping[Tier, Route] = {tier: ("local", f"local-{tier}") for tier in TIERS}


class RouteTable:
    """A fixed table. ``defaults`` are the routes of nodes that pin nothing."""

    def __init__(self, defaults: Mapping[Tier, Route] = LOCAL_ROUTES) -> None:
        self._defaults = defaults

    def choose(self, tier: Tier, provider: str | None, model: str | None) -> Route:
        """Return provider and model. A pinned model alone is asked of the tier's default provider.

        Raises a final ``StepError`` ``no_route`` for another provider without a model.
        """
        default_provider, default_model = self._defaults[tier]
        provider = provider or default_provider
        if model is not None:
            return provider, model
        if provider != default_provider:
            raise StepError("no_route", f"the node names provider {provider!r} and no model; add config.model")
        return provider, default_model
