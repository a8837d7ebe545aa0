"""The bandit's choice, and a quick form of the area ``calls`` of ``make prove``."""

import random

import pytest
from msgspec import structs

from bench.prove.calls.routes import off_ceiling
from bench.routing.market import Market
from bench.routing.play import play
from bench.routing.players import Bandit, Random, Static, Ucb1
from schemas.tables.routes import NOTHING, Arm, Learned
from services.routing.bandit import DEBT_MOST, Terms, Weights, lateness, learned_choice, reward
from services.routing.choice import Candidate, Choice, recomputed

CENT = 10_000_000


def candidate(route: str, quality: float, cost_nano: int = CENT, latency_ms: float = 100) -> Candidate:
    return Candidate(
        route=route,
        quality=quality,
        cost_nano=cost_nano,
        latency_ms=latency_ms,
        reliability=1.0,
        parts={"quality": quality},
        score=quality,
    )


def static(*candidates: Candidate) -> Choice:
    return Choice(by="learn", tier="bronze", policy="1", models="1", route=candidates[0].route, candidates=candidates)


TWO = static(candidate("a/good", 0.8), candidate("a/poor", 0.6))


def probability(choice: Choice, route: str) -> float:
    return next(one.probability or 0.0 for one in choice.candidates if one.route == route)


def test_prior_prefers_the_better_facts_without_any_outcome() -> None:
    choice = learned_choice(TWO, Terms(known=NOTHING, seed="s"))
    assert 0.8 < probability(choice, "a/good") < 1


def test_outcomes_overrule_the_prior() -> None:
    known = Learned(count=100, arms={"a/good": Arm(50, 10, 3), "a/poor": Arm(50, 45, 41)})
    assert probability(learned_choice(TWO, Terms(known=known, seed="s")), "a/poor") > 0.95


def test_cost_and_lateness_lower_the_reward() -> None:
    dear = static(candidate("a/good", 0.8, 30 * CENT), candidate("a/poor", 0.8))
    assert probability(learned_choice(dear, Terms(known=NOTHING, seed="s")), "a/poor") > 0.9
    slow = static(candidate("a/good", 0.8, latency_ms=2000), candidate("a/poor", 0.8))
    assert probability(learned_choice(slow, Terms(known=NOTHING, seed="s", sla_ms=1000)), "a/poor") > 0.9


def test_reward_is_the_documented_formula() -> None:
    assert reward(0.9, 2 * CENT, 0.5, Weights(cost_per_usd=10, lateness=0.5)) == pytest.approx(0.9 - 0.2 - 0.25)
    assert [lateness(ms, 1000) for ms in (500, 1000, 1500, 9000)] == [0, 0, 0.5, 1]
    assert lateness(9000, None) == 0


def test_choice_repeats_for_its_ids_and_differs_over_ids() -> None:
    even = static(candidate("a/x", 0.7), candidate("a/y", 0.7))
    routes = [learned_choice(even, Terms(known=NOTHING, seed=f"run:step:{i}")).route for i in range(50)]
    assert routes == [learned_choice(even, Terms(known=NOTHING, seed=f"run:step:{i}")).route for i in range(50)]
    assert set(routes) == {"a/x", "a/y"}


def test_propensity_is_the_probability_of_what_was_chosen() -> None:
    choices = [learned_choice(TWO, Terms(known=NOTHING, seed=str(i))) for i in range(3000)]
    assert all(one.propensity == probability(one, one.route) for one in choices)
    share = sum(one.route == "a/good" for one in choices) / 3000
    assert share == pytest.approx(probability(choices[0], "a/good"), abs=0.02)


def test_reasons_of_200_random_learned_choices_recompute_to_the_choice() -> None:
    rng = random.Random(3)
    for i in range(200):
        options = [candidate(f"a/{n}", rng.random(), rng.randrange(1, CENT)) for n in range(rng.randint(1, 6))]
        arms = {one.route: Arm(9, 9 * rng.random(), 8, 5, 9) for one in options if rng.random() < 0.5}
        choice = learned_choice(static(*options), Terms(known=Learned(count=9, arms=arms), seed=f"r:s:{i}"))
        assert recomputed(choice) == choice.route
        moved = [structs.replace(one, probability=float(one.route != choice.route)) for one in choice.candidates]
        if len(moved) > 1:
            assert recomputed(structs.replace(choice, candidates=tuple(moved))) != choice.route


def test_debt_excludes_routes_above_the_ceiling_but_never_the_cheapest() -> None:
    options = static(candidate("a/dear", 0.9, 3 * CENT), candidate("a/mid", 0.7, 2 * CENT))
    known = Learned(count=1, debt=DEBT_MOST)
    choice = learned_choice(options, Terms(known=known, seed="s", ceiling_nano=CENT))
    assert (choice.route, [(one.route, one.reason) for one in choice.excluded]) == (
        "a/mid",
        [("a/dear", "over_ceiling")],
    )
    free = learned_choice(options, Terms(known=Learned(count=1), seed="s", ceiling_nano=CENT))
    assert len(free.candidates) == 2


@pytest.mark.parametrize("seed", [0, 3])
def test_bandit_follows_the_market_that_drifts(seed: int) -> None:
    market = Market(seed, calls=10_000)
    bandit = play(market, Bandit(market))
    assert bandit.over_fixed >= 1.0
    assert bandit.of_moving >= 0.95
    assert bandit.bad_picks <= 0.2
    others = [play(market, player).of_moving for player in (Random(market), Static(market))]
    assert bandit.of_moving > max(others)


def test_bandit_leaves_a_degraded_route_sooner_than_ucb1() -> None:
    market = Market(0, calls=8_000)
    assert play(market, Bandit(market)).bad_picks < play(market, Ucb1()).bad_picks / 2


def test_mean_cost_keeps_to_the_ceiling() -> None:
    assert off_ceiling(Market(1, calls=5_000, drifts=False)) < 0.02
