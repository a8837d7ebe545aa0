"""Which model answers a call: what the caller pins, else the default route of its tier."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from schemas.errors import StepError
from schemas.spec.policy import TIERS, Tier


class Route(NamedTuple):
    """Where a call goes."""

    provider: str
    model: str


class Pin(NamedTuple):
    """What a caller fixes of its route."""

    provider: str | None = None
    model: str | None = None


class Routable(Protocol):
    """What a router reads of a call."""

    @property
    def tier(self) -> Tier:
        """The tier whose default route applies."""
        ...

    @property
    def pinned(self) -> Pin:
        """What the caller fixes."""
        ...


class Router(Protocol):
    """Chooses where calls go."""

    def choose(self, call: Routable) -> Route:
        """Return the call's route. Raises a final ``StepError`` ``no_route``."""
        ...


#: Works without a key: the local provider's three models.
LOCAL_ROUTES: Mapping[Tier, Route] = {tier: Route("local", f"local-{tier}") for tier in TIERS}


class RouteTable:
    """A fixed table. ``defaults`` are the routes of calls that pin nothing."""

    def __init__(self, defaults: Mapping[Tier, Route] = LOCAL_ROUTES) -> None:
        self._defaults = defaults

    def choose(self, call: Routable) -> Route:
        """Return the pinned model's route, or the tier's. A model pinned alone is asked of the default provider.

        Raises a final ``StepError`` ``no_route`` for another provider without a model.
        """
        default = self._defaults[call.tier]
        pinned = call.pinned
        provider = pinned.provider or default.provider
        if pinned.model is not None:
            return Route(provider, pinned.model)
        if provider != default.provider:
            raise StepError("no_route", f"provider {provider!r} is pinned without a model; pin a model of it, too")
        return default
