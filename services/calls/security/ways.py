"""Where a call may go by rules at ``model_call``, for those who know its route and its policy but make no call."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from schemas.policies.rulings import Ruling
from services.calls.security.model_rules import STOPS, may_go, only_demands
from services.routing.router import Route

#: Routes that are tried for a call, as of one that is made: its own, one that a rule names, one that demands leave.
_ROUTES = 3

Ask = Callable[[Route], Ruling]
"""Returns what the policy says if the call goes to a route."""


class Way(NamedTuple):
    """A route, what was said of it, and whether the call may take it."""

    route: Route
    ruling: Ruling
    is_open: bool


def way_of(ask: Ask, route: Route, reroute: Sequence[str] = ()) -> Way:
    """Return the way of a call that would take ``route``; ``reroute`` are routes for one that only demands deny."""
    ruling = ask(route)
    for _ in range(_ROUTES - 1):
        if ruling.verdict in STOPS:
            return (_rerouted(ask, route, reroute) if only_demands(ruling) else None) or Way(route, ruling, False)
        allowed = ruling.changes.routes
        if may_go(route, allowed):
            break
        if not allowed:
            return Way(route, ruling, False)
        provider, _, model = allowed[0].partition("/")
        route = Route(provider, model or route.model)
        ruling = ask(route)
    return Way(route, ruling, ruling.verdict not in STOPS and may_go(route, ruling.changes.routes))


def _rerouted(ask: Ask, route: Route, reroute: Sequence[str]) -> Way | None:
    for one in reroute:
        provider, _, model = one.partition("/")
        other = Route(provider, model)
        if other != route and (ruling := ask(other)).verdict not in STOPS:
            return Way(other, ruling, True)
    return None
