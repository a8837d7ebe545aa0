from collections.abc import Sequence

import pytest
from msgspec import structs

from connectors.prices.book import PriceBook
from schemas.errors import StepError
from schemas.limits.quotas import Usage
from schemas.spec.policy import RouteBy
from schemas.tables.routes import NOTHING, Arm, Learned
from services.routing.models import Models, RoutesFile
from services.routing.policy_router import PolicyRouter
from services.routing.router import Pin, Wanted
from services.routing.scoring import Need
from tests.support.calls import call, for_all

PRICES = PriceBook.load()


class MemoryRoutes:
    """What was learned, by arm group; ``asked`` are the groups that were read."""

    def __init__(self, **groups: Learned) -> None:
        self.groups = groups
        self.asked: list[str] = []

    async def learned(self, group: str) -> Learned:
        self.asked.append(group)
        return self.groups.get(group, NOTHING)


def router(learned: MemoryRoutes | None = None, models: Models | None = None) -> PolicyRouter:
    return PolicyRouter(models or Models.load(), ["local"], for_all(PRICES), learned or MemoryRoutes())


def wanted(by: RouteBy, **fields: object) -> Wanted:
    need = Need(by=by, tier="bronze")
    base = Wanted(org_id="acme", prompt="sum", need=need, seed="run:s:1", input_tokens=100, max_tokens=100)
    return structs.replace(base, **fields)


@pytest.mark.parametrize(("by", "route"), [("cheapest", "local/local-bronze"), ("best", "local/local-gold")])
async def test_policy_chooses_among_the_providers_that_are_there(by: RouteBy, route: str) -> None:
    learned = MemoryRoutes()
    choice = await router(learned).choice(wanted(by))
    assert choice is not None
    assert choice.route == route
    assert {one.reason for one in choice.excluded} == {"no_provider"}
    assert learned.asked == []


async def test_learned_outcomes_of_the_group_decide_the_learned_route() -> None:
    arms = {f"local/local-{tier}": Arm(60, 60 * q, 60 * q * q, 1, 1) for tier, q in (("gold", 0.1), ("silver", 0.9))}
    learned = MemoryRoutes(**{"acme:sum:bronze": Learned(count=120, arms=arms)})
    choice = await router(learned).choice(wanted("learn"))
    assert choice is not None
    assert (learned.asked, choice.seed, choice.learned_from) == (["acme:sum:bronze"], "run:s:1", 120)
    best = max(choice.candidates, key=lambda one: one.probability or 0)
    assert best.route == "local/local-silver"


async def test_observed_failures_and_latency_replace_what_was_assumed() -> None:
    arm = Arm(weight=10, latency_ms=50_000, failed=4)
    choice = await router(
        MemoryRoutes(**{"acme:sum:bronze": Learned(count=10, arms={"local/local-gold": arm})})
    ).choice(wanted("learn"))
    assert choice is not None
    gold = next(one for one in choice.candidates if one.route == "local/local-gold")
    assert (gold.latency_ms, gold.reliability) == (5_000, 0.6)


async def test_organisation_is_limited_to_its_list() -> None:
    limits = RoutesFile(version="x", organisations={"acme": ["local/*-silver"]})
    shipped = Models.load()
    models = Models([RoutesFile(version="s", models=list(shipped.all)), limits])
    choice = await router(models=models).choice(wanted("best"))
    assert choice is not None
    assert [one.route for one in choice.candidates] == ["local/local-silver"]
    other = await router(models=models).choice(wanted("best", org_id="other"))
    assert other is not None
    assert len(other.candidates) == 3


async def test_nothing_that_fits_is_an_error_with_all_reasons() -> None:
    with pytest.raises(StepError, match="no model can take this call"):
        await router().choice(wanted("best", need=Need(by="best", tier="bronze", node=("nobody/*",))))


class MemoryHealth:
    """Breakers by route: ``open`` ones, and those whose ``probes`` another process has."""

    def __init__(self, opened: set[str] = frozenset(), probes: set[str] = frozenset()) -> None:  # type: ignore[assignment]
        self.opened, self.probes = opened, probes
        self.reported: list[tuple[str, bool]] = []

    async def unhealthy(self, routes: Sequence[str]) -> dict[str, str]:
        return {route: "open" for route in routes if route in self.opened}

    async def admit(self, route: str) -> bool:
        return route not in self.probes

    async def report(self, route: str, *, failed: bool) -> bool:
        self.reported.append((route, failed))
        return False


def guarded(health: MemoryHealth) -> PolicyRouter:
    return PolicyRouter(Models.load(), ["local"], for_all(PRICES), MemoryRoutes(), health)


@pytest.mark.parametrize("by", ["best", "learn"])
@pytest.mark.parametrize("kind", ["opened", "probes"])
async def test_route_with_an_open_breaker_or_a_probe_of_another_is_left_out(by: RouteBy, kind: str) -> None:
    health = MemoryHealth(**{kind: {"local/local-gold", "local/local-silver"}})
    choice = await guarded(health).choice(wanted(by))
    assert choice is not None
    assert choice.route == "local/local-bronze"
    unhealthy = {one.route for one in choice.excluded if one.reason == "unhealthy"}
    assert unhealthy <= {"local/local-gold", "local/local-silver"}
    assert unhealthy


async def test_all_breakers_open_is_worth_a_retry() -> None:
    health = MemoryHealth(opened={f"local/local-{tier}" for tier in ("gold", "silver", "bronze")})
    with pytest.raises(StepError) as raised:
        await guarded(health).choice(wanted("best"))
    assert raised.value.retryable


async def test_route_without_room_is_left_out_with_its_reason() -> None:
    class Full:
        async def full(self, org_id: str, routes: Sequence[str], usage: Usage) -> dict[str, str]:
            assert (org_id, usage) == ("acme", Usage(1, 100, 100))
            return {"local/local-gold": "no room for 9.0 s"}

    routes = PolicyRouter(Models.load(), ["local"], for_all(PRICES), MemoryRoutes(), availability=Full())
    choice = await routes.choice(wanted("best"))
    assert choice is not None
    assert choice.route == "local/local-silver"
    assert ("local/local-gold", "quota") in {(one.route, one.reason) for one in choice.excluded}


@pytest.mark.parametrize(("data_class", "may"), [("", True), ("pii", True), ("health", False)])
async def test_data_class_bars_chosen_and_pinned_routes_alike(data_class: str, may: bool) -> None:
    shipped = RoutesFile(version="s", models=list(Models.load().all), data_classes={"pii": ["local/local-silver"]})
    routes = router(models=Models([shipped]))
    need = Need(by="best", tier="bronze", data_class=data_class)
    pinned = call(pinned=Pin("local", "local-silver"), data_class=data_class)
    if may:
        choice = await routes.choice(wanted("best", need=need))
        assert choice is not None
        assert choice.route == ("local/local-silver" if data_class else "local/local-gold")
        assert routes.choose(pinned) == ("local", "local-silver")
        return
    with pytest.raises(StepError, match="data_class"):
        await routes.choice(wanted("best", need=need))
    with pytest.raises(StepError, match="no route is allowed") as raised:
        routes.choose(pinned)
    assert (raised.value.code, raised.value.retryable) == ("no_route", False)


@pytest.mark.parametrize("by", ["best", "learn"])
async def test_route_that_the_budget_of_the_run_may_not_pay_is_left_out(by: RouteBy) -> None:
    gold, silver = (PRICES.estimate("local", f"local-{tier}", 400, 100) for tier in ("gold", "silver"))
    assert silver < gold
    choice = await router().choice(wanted(by, cap_nano=gold - 1, most_input_tokens=400))
    assert choice is not None
    assert choice.route != "local/local-gold"
    assert ("local/local-gold", "over_budget") in {(one.route, one.reason) for one in choice.excluded}
