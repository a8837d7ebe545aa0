"""Where a call may go by rules at ``model_call``: its own route, one that a rule names, or one that demands leave."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from schemas.compliance.section import is_demand
from schemas.policies.rulings import STOPS, Ruling
from schemas.records.steps import StepSecurity
from services.routing.router import Route
from services.security.enforcement.ports import Policies

#: Routes that are tried for a call: its own, one that a rule names, one that demands of compliance leave.
ROUTES = 3

Ask = Callable[[Route], Ruling]
"""Returns what the policy says if the call goes to a route."""


class Way(NamedTuple):
    """A route, the ruling on it, and whether the call may take it."""

    route: Route
    ruling: Ruling
    is_open: bool


def way_of(ask: Ask, route: Route, reroute: Callable[[], Sequence[str]]) -> Way:
    """Return the way of a call that would take ``route``, for those who make no call.

    ``reroute`` returns the routes for a call that only demands of compliance deny; it is called for such a one alone.
    """
    ruling = ask(route)
    for _ in range(ROUTES - 1):
        if ruling.verdict in STOPS:
            other = rerouted_way(ask, route, reroute()) if only_demands(ruling) else None
            return other or Way(route, ruling, False)
        allowed = ruling.changes.routes
        if may_go(route, allowed):
            break
        if not allowed:
            return Way(route, ruling, False)
        provider, _, model = allowed[0].partition("/")
        route = Route(provider, model or route.model)
        ruling = ask(route)
    return Way(route, ruling, ruling.verdict not in STOPS and may_go(route, ruling.changes.routes))


def rerouted_way(ask: Ask, route: Route, reroute: Sequence[str]) -> Way | None:
    """Return the first other route that is not denied; ``None`` without one."""
    for one in reroute:
        provider, _, model = one.partition("/")
        other = Route(provider, model)
        if other != route and (ruling := ask(other)).verdict not in STOPS:
            return Way(other, ruling, True)
    return None


def reroute_of(policies: Policies, org_id: str, security: StepSecurity) -> Sequence[str]:
    """Return the routes that a run's policy has for calls that only its demands deny. Raises ``Unavailable``."""
    section = policies.of(org_id, security.policy_hash, security.mode).policy.compliance
    return () if section is None else section.reroute


def only_demands(ruling: Ruling) -> bool:
    """Return whether a ruling denies, and would not without the demands of compliance."""
    denying = [one for one in ruling.decisions if one.enforced and one.verdict in STOPS]
    return bool(denying) and all(is_demand(one.rule) for one in denying)


def may_go(route: Route, allowed: Sequence[str] | None) -> bool:
    """Return whether a route is among those that a policy names: ``provider`` or ``provider/model``."""
    return allowed is None or any(one in (route.provider, "/".join(route)) for one in allowed)
