"""The tests that are valid at every look, against their definitions by numeric integration and by enumeration."""

from math import erf, exp, log, pi, sqrt

import pytest

from schemas.rollouts.plan import BRAKE_ALPHA
from schemas.rollouts.sequential import bound, brake_factor, evidence, needed, split_factor


def mixed(difference: float, variance: float, scale: float) -> float:
    """Return the mixture of likelihood ratios over half-normal differences, by Simpson's rule."""
    count, most = 20_000, 12 * scale
    width = most / count

    def weighed(shift: float) -> float:
        likelihood = exp((shift * difference - shift * shift / 2) / variance)
        return likelihood * 2 * exp(-shift * shift / (2 * scale * scale)) / (scale * sqrt(2 * pi))

    inner = sum((4 if n % 2 else 2) * weighed(n * width) for n in range(1, count))
    return (weighed(0) + inner + weighed(most)) * width / 3


@pytest.mark.parametrize("difference", [-0.05, 0.0, 0.01, 0.05, 0.1, 0.2])
@pytest.mark.parametrize("variance", [1e-3, 3e-4])
def test_evidence_is_at_most_the_mixture_and_near_it_where_it_decides(difference: float, variance: float) -> None:
    exact, ours = mixed(difference, variance, 0.1), exp(evidence(difference, variance, 0.1))
    if difference > 0:
        assert ours <= exact * (1 + 1e-6)
    if exact > 10:
        assert ours == pytest.approx(exact, rel=0.02)
    if difference <= 0:
        assert ours <= 1


def test_evidence_without_a_difference_is_never_for_one() -> None:
    assert evidence(0.0, 1e-9, 0.1) < 0
    assert evidence(-5.0, 1e-4, 0.1) < 0


@pytest.mark.parametrize("alpha", [0.05, 0.005])
def test_bound_is_where_the_evidence_decides(alpha: float) -> None:
    width = bound(4e-4, 0.1, alpha)
    assert evidence(width, 4e-4, 0.1) == pytest.approx(needed(alpha), abs=0.01)


@pytest.mark.parametrize("ratio", [0.01, 0.1, 0.5])
def test_bets_are_fair_while_the_hypothesis_holds(ratio: float) -> None:
    brake = ratio * exp(brake_factor(ratio, True)) + (1 - ratio) * exp(brake_factor(ratio, False))
    split = ratio * exp(split_factor(ratio, 30, 9, True)) + (1 - ratio) * exp(split_factor(ratio, 30, 9, False))
    assert brake == pytest.approx(1)
    assert split == pytest.approx(1)


def test_split_is_the_beta_mixture_whatever_the_order() -> None:
    """The product of its factors is the ratio of beta functions, which has no order."""

    def product(arms: str) -> float:
        found, counts = 0.0, [0, 0]
        for arm in arms:
            found += split_factor(0.5, counts[0], counts[1], arm == "c")
            counts[arm == "c"] += 1
        return found

    assert product("sscscccc") == pytest.approx(product("ccccscss"))
    exact = sum(log((50 + number) / (100 + number)) for number in range(8)) + 8 * log(2)
    assert product("cccccccc") == pytest.approx(exact)


def test_three_errors_of_a_small_canary_brake() -> None:
    assert 2 * brake_factor(0.05, True) < needed(BRAKE_ALPHA) <= 3 * brake_factor(0.05, True)


def test_brake_is_rare_by_enumeration() -> None:
    """Of all sequences of 12 errors with equal rates at ratio 0.5, at most alpha reach the threshold at some point."""
    alpha, up, down = 0.02, brake_factor(0.5, True), brake_factor(0.5, False)
    reached = {(0, 0.0): 1.0}
    stopped = 0.0
    for _ in range(12):
        after: dict[tuple[int, float], float] = {}
        for (canaries, level), chance in reached.items():
            for won, factor in ((1, up), (0, down)):
                if level + factor >= needed(alpha):
                    stopped += chance / 2
                else:
                    key = canaries + won, level + factor
                    after[key] = after.get(key, 0.0) + chance / 2
        reached = after
    assert 0 < stopped <= alpha


def test_normal_distribution_is_above_its_bound() -> None:
    for step in range(60):
        x = step / 10
        assert (1 + erf(x / sqrt(2))) / 2 >= 1 - exp(-x * x / 2) / 2 - 1e-12
