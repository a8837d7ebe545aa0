"""Which model answers a call: what the caller pins, else what its policy chooses, else the default of its tier."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from msgspec import Struct

from connectors.providers.names import DEFAULT_MODELS, DEFAULT_PROVIDER
from schemas.errors import StepError
from schemas.spec.policy import TIERS, Tier
from services.routing.choice import Choice
from services.routing.latencies import Window
from services.routing.scoring import Need


class Route(NamedTuple):
    """Where a call goes."""

    provider: str
    model: str


class Pin(NamedTuple):
    """What a caller fixes of its route."""

    provider: str | None = None
    model: str | None = None


Bars = Callable[[str], str | None]
"""Returns why a route may not be chosen, ``None`` if it may."""


class Wanted(Struct, frozen=True, kw_only=True):
    """A call whose route is to be chosen. Tokens are about right; ``seed`` are the ids that decide where chance does.

    ``ceiling_nano`` bounds the mean cost of calls that learn; 0 does not. ``cap_nano`` is what the run's budget has
    left, ``None`` without one; the call may then read up to ``most_input_tokens``. ``bar`` bars routes of this call.
    """

    org_id: str
    prompt: str
    need: Need
    seed: str
    input_tokens: int
    max_tokens: int
    ceiling_nano: int = 0
    cap_nano: int | None = None
    most_input_tokens: int = 0
    bar: Bars | None = None


class Ended(NamedTuple):
    """How a call of a chosen route ended: at a fault of the provider, or with an answer after ``latency_ms``.

    One that was ``broken_off``, since another try was faster, would have taken longer than that.
    """

    org_id: str
    prompt: str
    route: str
    failed: bool
    latency_ms: float
    broken_off: bool = False


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

    @property
    def org_id(self) -> str:
        """The organisation that asks."""
        ...

    @property
    def data_class(self) -> str:
        """The class of the data that is sent; empty for none."""
        ...


class Router(Protocol):
    """Chooses where calls go."""

    def choose(self, call: Routable) -> Route:
        """Return the fixed route of a call. Raises a final ``StepError`` ``no_route``."""
        ...

    async def choice(self, wanted: Wanted) -> Choice | None:
        """Return the choice of a call with a policy; ``None`` to take its fixed route. Raises ``no_route``."""
        ...

    async def admit(self, route: str) -> bool:
        """Return whether a route may be tried now. A route of a ``choice`` was admitted by it."""
        ...

    async def report(self, ended: Ended) -> None:
        """Say how a call of a chosen route ended, so that a route that fails is left out for a while."""
        ...

    def measured(self, org_id: str, prompt: str, route: str) -> Window | None:
        """Return how long a prompt's answers take at a route; ``None`` until enough of them came."""
        ...


#: Works without a key: the local provider's three models.
LOCAL_ROUTES: Mapping[Tier, Route] = {tier: Route(DEFAULT_PROVIDER, DEFAULT_MODELS[tier]) for tier in TIERS}


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

    async def choice(self, wanted: Wanted) -> Choice | None:
        """Return nothing: every call has its fixed route."""
        return None

    async def admit(self, route: str) -> bool:
        """Admit every call."""
        return True

    async def report(self, ended: Ended) -> None:
        """Take no notice: nothing is chosen here."""

    def measured(self, org_id: str, prompt: str, route: str) -> Window | None:
        """Return nothing: nothing is measured here."""
        return None
