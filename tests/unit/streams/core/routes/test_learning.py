import random

import pytest

from schemas.tables.routes import NOTHING, Arm
from streams.core.routes.learning import DISCOUNT, PRICE_STEP, SAVED_MOST, Observed, learned_with, rescored


def observed(route: str, score: float, cost: int = 10, **fields: float) -> Observed:
    return Observed(route=route, score=score, cost_nano=cost, estimate_nano=2 * cost, latency_ms=5, **fields)  # type: ignore[arg-type]


def by_hand(outcomes: list[Observed], route: str) -> Arm:
    """The sums again, from all outcomes at once."""
    weighed = [(DISCOUNT ** (len(outcomes) - 1 - i), one) for i, one in enumerate(outcomes) if one.route == route]
    return Arm(
        sum(w for w, _ in weighed),
        sum(w * one.score for w, one in weighed),
        sum(w * one.score**2 for w, one in weighed),
        sum(w * one.cost_nano for w, one in weighed),
        sum(w * one.estimate_nano for w, one in weighed),
        sum(w * one.late for w, one in weighed),
        sum(w * one.latency_ms for w, one in weighed),
        sum(w * one.failed for w, one in weighed),
    )


def test_sums_are_those_of_all_outcomes_discounted() -> None:
    rng, known, outcomes = random.Random(1), NOTHING, []
    for _ in range(500):
        outcomes.append(observed(rng.choice("ab"), rng.random(), rng.randrange(100), late=rng.random()))
        known = learned_with(known, outcomes[-1])
    assert known.count == 500
    for route in "ab":
        assert known.arms[route] == Arm(*(pytest.approx(x) for x in _values(by_hand(outcomes, route))))


def _values(arm: Arm) -> list[float]:
    return [getattr(arm, name) for name in Arm.__struct_fields__]


def test_late_score_counts_as_if_it_had_been_there_from_the_start() -> None:
    scores = [0.5, 0.6, 0.7, 0.8]
    known, right = NOTHING, NOTHING
    for i, score in enumerate(scores):
        known = learned_with(known, observed("a", score))
        right = learned_with(right, observed("a", 0.1 if i == 1 else score))
    late = rescored(known, "a", number=2, before=0.6, after=0.1)
    assert late.arms["a"].score == pytest.approx(right.arms["a"].score)
    assert late.arms["a"].squares == pytest.approx(right.arms["a"].squares)


def test_route_that_nobody_chose_for_long_is_forgotten() -> None:
    known = learned_with(NOTHING, observed("old", 1.0))
    for _ in range(3000):
        known = learned_with(known, observed("new", 1.0))
    assert set(known.arms) == {"new"}
    assert rescored(known, "old", 1, 1.0, 0.0) == known


def test_price_and_debt_follow_the_cost_over_the_ceiling() -> None:
    known = learned_with(NOTHING, observed("a", 1.0, 300, ceiling_nano=100))
    assert (known.price, known.debt) == pytest.approx((2 * PRICE_STEP, 2.0))
    known = learned_with(known, observed("a", 1.0, 0, ceiling_nano=100))
    assert (known.price, known.debt) == pytest.approx((PRICE_STEP, 1.0))
    for _ in range(50):
        known = learned_with(known, observed("a", 1.0, 0, ceiling_nano=100))
    assert (known.price, known.debt) == (0.0, -SAVED_MOST)
    assert learned_with(known, observed("a", 1.0)).debt == 0
