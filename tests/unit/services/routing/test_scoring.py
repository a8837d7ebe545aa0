import random
from collections.abc import Mapping
from typing import Any

import pytest
from msgspec import structs

from schemas.errors import StepError
from schemas.spec.policy import TIERS, RouteBy
from services.routing.choice import Choice, drawn, recomputed, unit, weighed
from services.routing.models import Model
from services.routing.scoring import WEIGHTS, Conditions, Need, Seen, choose

DOLLAR = 1_000_000_000


def model(name: str, quality: float, latency_ms: float = 1000, **fields: Any) -> Model:
    provider, _, own = name.partition("/")
    row = {"source": "made up", "context_tokens": 10_000, **fields}
    return Model(provider=provider, model=own, quality=quality, latency_ms=latency_ms, **row)


MODELS = (
    model("a/large", 0.9, 9_000),
    model("a/middle", 0.7, 2_000),
    model("b/middle", 0.65, 500),
    model("b/small", 0.45, 800),
)
COSTS = {"a/large": DOLLAR, "a/middle": DOLLAR // 10, "b/middle": DOLLAR // 5, "b/small": DOLLAR // 100}


def chosen(
    by: RouteBy = "balanced", models: tuple[Model, ...] = MODELS, costs: Mapping[str, int] = COSTS, **fields: Any
) -> Choice:
    world = {
        key: fields.pop(key) for key in ("unhealthy", "full", "seen", "barred", "dear", "providers") if key in fields
    }
    conditions = Conditions(providers=world.pop("providers", frozenset({"a", "b"})), costs_nano=costs, **world)
    return choose(models, "test", Need(by=by, **{"tier": "bronze", **fields}), conditions)


def reasons(choice: Choice) -> dict[str, str]:
    return {one.route: one.reason for one in choice.excluded}


@pytest.mark.parametrize(
    ("by", "route"), [("cheapest", "b/small"), ("fastest", "b/middle"), ("best", "a/large"), ("learn", "b/small")]
)
def test_policy_decides_which_term_counts_most(by: RouteBy, route: str) -> None:
    assert chosen(by).route == route


@pytest.mark.parametrize(("tier", "left"), [("gold", 1), ("silver", 3), ("bronze", 4)])
def test_tier_excludes_models_under_its_quality(tier: str, left: int) -> None:
    choice = chosen(tier=tier)
    assert len(choice.candidates) == left
    assert set(reasons(choice).values()) <= {"tier"}


@pytest.mark.parametrize(("flag", "reason"), [("tools", "tools"), ("images", "images"), ("json_schema", "json_schema")])
def test_missing_capability_excludes(flag: str, reason: str) -> None:
    lacking = (model("a/lacks", 0.9, **{flag: False}), model("a/has", 0.5))
    costs = {"a/lacks": 1, "a/has": 1}
    assert reasons(chosen(models=lacking, costs=costs, **{flag: True})) == {"a/lacks": reason}
    assert reasons(chosen(models=lacking, costs=costs)) == {}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"organisation": ("b/*",)}, {"a/large": "organisation", "a/middle": "organisation"}),
        ({"node": ("*/middle",)}, {"a/large": "node", "b/small": "node"}),
        ({"providers": frozenset({"a"})}, {"b/middle": "no_provider", "b/small": "no_provider"}),
        ({"unhealthy": {"a/large": "open until later"}}, {"a/large": "unhealthy"}),
        ({"full": {"b/small": "in 3 s"}}, {"b/small": "quota"}),
        ({"sla_ms": 1000, "seen": {"a/large": Seen(1001), "b/small": Seen(1000)}}, {"a/large": "too_slow"}),
        ({"dear": {"a/large": "1 USD"}}, {"a/large": "over_budget"}),
        ({"barred": {"a/large": "not for pii"}}, {"a/large": "data_class"}),
        ({"costs": {"a/large": 1}}, dict.fromkeys(("a/middle", "b/middle", "b/small"), "unpriced")),
    ],
)
def test_exclusions_have_their_reason(fields: dict[str, Any], expected: dict[str, str]) -> None:
    assert reasons(chosen(**fields)) == expected


def test_context_length_excludes_what_surely_does_not_fit() -> None:
    models = (model("a/short", 0.9, context_tokens=100), model("a/long", 0.5))
    choice = chosen(models=models, costs={"a/short": 1, "a/long": 1}, tokens=101)
    assert reasons(choice) == {"a/short": "context"}


def test_sla_that_nobody_reaches_excludes_nobody() -> None:
    assert reasons(chosen(sla_ms=1, seen={one.route: Seen(2) for one in MODELS})) == {}


def test_assumed_latency_excludes_nobody() -> None:
    assert reasons(chosen(sla_ms=1000)) == {}


def test_observed_latency_and_reliability_replace_the_assumed_ones() -> None:
    assert chosen("fastest").route == "b/middle"
    assert chosen("fastest", seen={"b/middle": Seen(20_000)}).route == "b/small"
    equal = (model("a/x", 0.8), model("a/y", 0.8))
    choice = chosen(models=equal, costs={"a/x": 1, "a/y": 1}, seen={"a/x": Seen(1000, 0.5), "a/y": Seen(1000, 0.9)})
    assert choice.route == "a/y"


def test_nothing_left_is_final_and_names_the_reasons() -> None:
    with pytest.raises(StepError, match=r"a/large: node.*policy\.route\.models") as raised:
        chosen(node=("c/*",))
    assert (raised.value.code, raised.value.retryable) == ("no_route", False)
    assert raised.value.details["a/large"].startswith("node")


def test_nothing_left_for_a_moment_is_worth_a_retry() -> None:
    with pytest.raises(StepError) as raised:
        chosen(tier="gold", unhealthy={"a/large": "open"})
    assert raised.value.retryable


def test_free_candidates_have_the_full_score_of_cost() -> None:
    choice = chosen(costs=dict.fromkeys(COSTS, 0))
    assert {one.parts["cost"] for one in choice.candidates} == {1.0}


def test_margin_and_fallbacks_tell_what_would_have_changed_the_choice() -> None:
    choice = chosen("best")
    assert choice.fallbacks == ("a/middle", "b/middle", "b/small")
    assert choice.margin == pytest.approx(choice.candidates[0].score - choice.candidates[1].score)
    assert chosen(tier="gold").margin is None


def test_weights_of_every_policy_sum_to_one() -> None:
    assert [by for by, weights in WEIGHTS.items() if sum(weights.values()) != pytest.approx(1)] == []


def random_choice(rng: random.Random) -> Choice:
    models = tuple(
        model(f"{rng.choice('ab')}/{i}", round(rng.uniform(0.4, 1), 3), rng.uniform(10, 5000))
        for i in range(rng.randint(1, 8))
    )
    costs = {one.route: rng.randrange(DOLLAR) for one in models}
    return chosen(rng.choice(sorted(WEIGHTS)), models, costs, tier=TIERS[2], sla_ms=rng.choice([None, 1000]))


def test_reasons_of_200_random_choices_recompute_to_the_choice() -> None:
    rng = random.Random(5)
    choices = [random_choice(rng) for _ in range(200)]
    assert [one for one in choices if recomputed(one) != one.route] == []
    assert all(weighed(c.parts, one.weights) == c.score for one in choices for c in one.candidates)


def test_recomputation_reads_the_stated_reasons() -> None:
    choice = chosen("best")
    first, *others = choice.candidates
    other = structs.replace(first, parts=dict.fromkeys(first.parts, 0.0))
    assert recomputed(structs.replace(choice, candidates=(other, *others))) != choice.route


def test_draw_follows_the_shares_and_repeats() -> None:
    shares = [("a", 0.7), ("b", 0.2), ("c", 0.1)]
    seeds = [f"run:step:{i}" for i in range(5000)]
    found = [drawn(shares, seed) for seed in seeds]
    assert found == [drawn(shares, seed) for seed in seeds]
    assert [found.count(route) / 5000 for route, _ in shares] == pytest.approx([0.7, 0.2, 0.1], abs=0.02)
    assert all(0 <= unit(seed) < 1 for seed in seeds)


def test_quota_that_is_used_up_everywhere_excludes_nobody() -> None:
    assert reasons(chosen(full={one.route: "in 3 s" for one in MODELS})) == {}


def test_budget_that_no_route_fits_excludes_nobody() -> None:
    assert reasons(chosen(dear={one.route: "1 USD" for one in MODELS})) == {}
