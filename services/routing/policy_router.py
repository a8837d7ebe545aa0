"""The router of a process: a scored or learned route for calls with a policy, a pin or the default for others."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from msgspec import structs

from schemas.errors import StepError, Unavailable
from schemas.limits.quotas import Usage
from schemas.money import usd
from schemas.spec.policy import Tier
from schemas.tables.routes import NOTHING, Arm, Learned, group_key
from services.routing.bandit import Terms, learned_choice
from services.routing.choice import Choice
from services.routing.health import AlwaysHealthy, Availability, Health
from services.routing.latencies import Latencies, Window
from services.routing.models import Models
from services.routing.router import LOCAL_ROUTES, Ended, Routable, Route, RouteTable, Wanted
from services.routing.scoring import Conditions, Need, Seen, choose

ALWAYS_HEALTHY = AlwaysHealthy()
#: Outcomes from which on observations replace the assumed latency.
LEAST_SEEN = 5.0

Estimate = Callable[[str, str, str, int, int], int]
"""``(organisation, provider, model, input tokens, max tokens)`` to nano-dollars.

Raises ``StepError`` for a model without a price.
"""


class Keys(Protocol):
    """Which providers an organisation can ask, see ``services.calls.provider_keys``."""

    async def absent(self, org_id: str) -> frozenset[str]:
        """Return the providers that it has no key of. Raises ``Unavailable``."""
        ...


class LearnedRoutes(Protocol):
    """What was learned of routes, see ``connectors.redis.readers.routes``."""

    async def learned(self, group: str) -> Learned:
        """Return what is known of an arm group."""
        ...


class PolicyRouter(RouteTable):
    """Chooses among the models of the ``providers`` that this process has."""

    def __init__(
        self,
        models: Models,
        providers: Collection[str],
        estimate: Estimate,
        learned: LearnedRoutes,
        health: Health = ALWAYS_HEALTHY,
        availability: Availability | None = None,
        defaults: Mapping[Tier, Route] = LOCAL_ROUTES,
        keys: Keys | None = None,
    ) -> None:
        super().__init__(defaults)
        self._models = models
        self._providers = frozenset(providers)
        self._estimate = estimate
        self._learned = learned
        self._health = health
        self._availability = availability
        self._latencies = Latencies()
        self._keys = keys

    def choose(self, call: Routable) -> Route:
        """Return the fixed route of a call. Raises ``no_route`` also for data that may not go there."""
        route = super().choose(call)
        why = self._models.data_classes.refusal(call.org_id, call.data_class, "/".join(route))
        if why is not None:
            raise StepError("no_route", f"{'/'.join(route)}: {why}")
        return route

    async def choice(self, wanted: Wanted) -> Choice | None:
        """Return the choice of a call with a policy. Raises a ``StepError`` ``no_route`` that names all reasons."""
        need = structs.replace(wanted.need, organisation=self._models.allowed(wanted.org_id))
        known = NOTHING
        if need.by == "learn":
            known = await self._learned.learned(group_key(wanted.org_id, wanted.prompt, need.tier))
        now = await self._conditions(wanted, known)
        while True:
            choice = self._chosen(wanted, need, now, known)
            if await self._health.admit(choice.route):
                return choice
            # Another process sends the probe of this route.
            unhealthy = {**now.unhealthy, choice.route: "its probe is in flight"}
            now = structs.replace(now, unhealthy=unhealthy)

    async def admit(self, route: str) -> bool:
        """Return whether a route may be tried now; one that is half open admits one probe at a time."""
        return await self._health.admit(route)

    async def report(self, ended: Ended) -> None:
        """Count how a call of a chosen route ended."""
        if not ended.failed:
            self._latencies.add(ended.org_id, ended.prompt, ended.route, ended.latency_ms)
        if not ended.broken_off:
            await self._health.report(ended.route, failed=ended.failed)

    def measured(self, org_id: str, prompt: str, route: str) -> Window | None:
        """Return how long a prompt's answers take at a route, as this process measured it."""
        return self._latencies.measured(org_id, prompt, route)

    async def _conditions(self, wanted: Wanted, known: Learned) -> Conditions:
        costs, available = self._costs(wanted), self._availability
        routes, usage = list(costs), Usage(1, wanted.input_tokens, wanted.max_tokens)
        measured = self._latencies.means(wanted.org_id, wanted.prompt, routes)
        return Conditions(
            providers=self._providers - await self._absent(wanted.org_id),
            costs_nano=costs,
            unhealthy=await self._health.unhealthy(routes),
            full={} if available is None else await available.full(wanted.org_id, routes, usage),
            seen={route: Seen(mean_ms) for route, mean_ms in measured.items()} | _seen(known.arms),
            dear=self._dear(wanted, routes),
            barred=self._barred(wanted, routes),
        )

    def _barred(self, wanted: Wanted, routes: Sequence[str]) -> dict[str, str]:
        barred = self._models.data_classes.barred(wanted.org_id, wanted.need.data_class, routes)
        if wanted.bar is None:
            return barred
        return {route: why for route in routes if (why := wanted.bar(route)) is not None} | barred

    async def _absent(self, org_id: str) -> frozenset[str]:
        if self._keys is None:
            return frozenset()
        try:
            return await self._keys.absent(org_id)
        except Unavailable:
            return frozenset()  # a call that gets there waits for its key

    def _chosen(self, wanted: Wanted, need: Need, now: Conditions, known: Learned) -> Choice:
        static = choose(self._models.all, self._models.version, need, now)
        if need.by != "learn":
            return static
        terms = Terms(known=known, seed=wanted.seed, sla_ms=need.sla_ms, ceiling_nano=wanted.ceiling_nano)
        return learned_choice(static, terms)

    def _dear(self, wanted: Wanted, routes: Sequence[str]) -> dict[str, str]:
        """Return the routes where the call may cost more than the run's budget has left."""
        cap, found = wanted.cap_nano, {}
        for route in routes if cap is not None else ():
            provider, model = route.split("/", 1)
            nano = self._estimate(wanted.org_id, provider, model, wanted.most_input_tokens, wanted.max_tokens)
            if cap is not None and nano > cap:
                found[route] = f"may cost {usd(nano)} USD, the run's budget has {usd(cap)} USD left"
        return found

    def _costs(self, wanted: Wanted) -> dict[str, int]:
        costs = {}
        for one in self._models.all:
            if one.provider in self._providers:
                try:
                    tokens = wanted.input_tokens, wanted.max_tokens
                    costs[one.route] = self._estimate(wanted.org_id, one.provider, one.model, *tokens)
                except StepError:
                    continue
        return costs


def _seen(arms: Mapping[str, Arm]) -> dict[str, Seen]:
    enough = {route: arm for route, arm in arms.items() if arm.weight >= LEAST_SEEN}
    return {
        route: Seen(arm.latency_ms / arm.weight, max(0.0, 1 - arm.failed / arm.weight)) for route, arm in enough.items()
    }
