"""A lane: recorded calls in the order of their holds, each decided by one policy. Pure."""

import hashlib
from collections.abc import Iterable

from msgspec import Struct

from schemas.api_models.traces.policies import CallMatch, PolicyDocument, RouteRule
from services.observability.replay.policy.calls import RecordedCall, Route
from services.observability.replay.policy.limits import Budgets, Guard, Quotas
from services.observability.replay.policy.pack import Pack
from services.observability.replay.policy.pricing import Pricing

_SHARES = 1 << 32


class Decided(Struct, frozen=True):
    """What became of a call. ``refused_by`` is empty for one that was made; ``made`` is false after a refusal, too.

    ``unpriced``: its new route has no price, so that it counts with its recorded amount.
    """

    call: RecordedCall
    route: Route
    cost_nano: int = 0
    made: bool = True
    cached: bool = False
    refused_by: str = ""
    wait_ms: float = 0.0
    unpriced: bool = False

    @property
    def rerouted(self) -> bool:
        """Whether another route than the recorded one answers it."""
        return self.route != self.call.route


def lane(
    calls: Iterable[RecordedCall], policy: PolicyDocument, pricing: Pricing, pack: Pack | None = None
) -> list[Decided]:
    """Return what a policy makes of calls, which must be in the order of their holds.

    A refused call ends its run: what the run asked later is not made.
    """
    deciding = _Deciding(policy, pricing, pack)
    return [deciding.decide(call) for call in calls]


class _Deciding:
    def __init__(self, policy: PolicyDocument, pricing: Pricing, pack: Pack | None) -> None:
        self._policy = policy
        self._pack = pack
        self._pricing = pricing
        self._budgets = Budgets(policy.budgets)
        self._quotas = Quotas(policy.quotas)
        self._guard = Guard(policy.guard)
        self._cache = _Cache(policy.cache.mode, policy.cache.ttl_s * 1000)
        self._ended: set[str] = set()

    def decide(self, call: RecordedCall) -> Decided:
        route = self._route(call)
        if call.run_id and call.run_id in self._ended:
            return Decided(call, route, made=False)
        if self._guard.refuses(call):
            return self._refuse(call, route, "guard")
        if self._pack is not None:
            ruled = self._pack.ruled(call, route)
            if ruled.refused_by:
                return self._refuse(call, route, ruled.refused_by)
            route = ruled.route
        if self._cache.has(call, route):
            return Decided(call, route, cached=True)
        if call.cached:
            # Its answer was another call's; that one's cost is known, and nothing else of it.
            cost: int | None = call.saved_nano
        else:
            cost = self._pricing.cost(call, route)
        wait_ms = self._quotas.wait_ms(call, route)
        if wait_ms is None:
            return self._refuse(call, route, "quota")
        paid = call.amount_nano if cost is None else cost
        if budget := self._budgets.refuses(call, route, paid):
            return self._refuse(call, route, budget)
        self._cache.put(call, route)
        return Decided(call, route, paid, wait_ms=wait_ms, unpriced=cost is None)

    def _refuse(self, call: RecordedCall, route: Route, by: str) -> Decided:
        if call.run_id:
            self._ended.add(call.run_id)
        return Decided(call, route, made=False, refused_by=by)

    def _route(self, call: RecordedCall) -> Route:
        for rule in self._policy.routes:
            if _matches(rule.match, call) and _is_in_share(rule, call):
                return Route(*rule.to.split("/", 1))
        return call.route


class _Cache:
    """Which answers stand in. ``recorded`` keeps what was; ``exact`` knows a request for a time, on one route."""

    def __init__(self, mode: str, ttl_ms: int) -> None:
        self._mode = mode
        self._ttl_ms = ttl_ms
        self._until: dict[tuple[int, Route], int] = {}

    def has(self, call: RecordedCall, route: Route) -> bool:
        if self._mode == "off":
            return False
        if self._mode == "recorded":
            return call.cached and route == call.route
        known = self._until.get((call.request, route)) if call.request else None
        # The answer to a recorded hit may be from before the window.
        return call.cached and route == call.route if known is None else known > call.at_ms

    def put(self, call: RecordedCall, route: Route) -> None:
        if self._mode == "exact" and call.request:
            self._until[call.request, route] = call.at_ms + self._ttl_ms


def _matches(match: CallMatch, call: RecordedCall) -> bool:
    pairs = (
        (match.workflow, call.workflow),
        (match.node, call.node),
        (match.prompt, call.prompt),
        (match.provider, call.route.provider),
        (match.model, call.route.model),
    )
    return all(wanted in (None, found) for wanted, found in pairs)


def _is_in_share(rule: RouteRule, call: RecordedCall) -> bool:
    """Return whether a call's run is of the rule's share; all calls of a run are, or none is."""
    if rule.share >= 1:
        return True
    digest = hashlib.sha256(f"{rule.to}\x1f{call.run_id or call.call_id}".encode()).digest()
    return int.from_bytes(digest[:4], "big") < rule.share * _SHARES
