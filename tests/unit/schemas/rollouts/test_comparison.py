"""Sums that grow value by value give what the whole data give."""

import random
from statistics import fmean, variance

import pytest

from schemas.rollouts.comparison import added, compared
from schemas.tables.deployments import Pair, Sums


def summed(clusters: list[list[float]], order: random.Random) -> Sums:
    """Add all values one by one, in any order of clusters."""
    sums, known = Sums(), [(0, 0.0)] * len(clusters)
    left = [(index, value) for index, values in enumerate(clusters) for value in values]
    order.shuffle(left)
    for index, value in left:
        sums = added(sums, value, known[index])
        known[index] = known[index][0] + 1, known[index][1] + value
    return sums


def test_single_runs_have_the_usual_variance() -> None:
    rng = random.Random(1)
    stable, canary = ([[rng.gauss(5, 2)] for _ in range(n)] for n in (300, 200))
    found = compared("cost", [Pair(summed(stable, rng), summed(canary, rng))], clustered=False)
    assert found is not None
    values = [[one for (one,) in arm] for arm in (stable, canary)]
    assert found.harm == pytest.approx(fmean(values[1]) - fmean(values[0]))
    assert found.clusters == 200
    usual = sum((variance(arm) + 0.5 / len(arm)) / len(arm) for arm in values)
    assert found.variance == pytest.approx(usual)


def test_clusters_have_the_variance_of_their_sums() -> None:
    rng = random.Random(2)
    stable, canary = (
        [[rng.gauss(level, 0.1) for _ in range(rng.randint(1, 30))] for level in (rng.gauss(0, 1) for _ in range(n))]
        for n in (80, 60)
    )
    found = compared("cost", [Pair(summed(stable, rng), summed(canary, rng))], clustered=True)
    assert found is not None
    expected = 0.0
    for arm in (stable, canary):
        n, total = sum(map(len, arm)), sum(map(sum, arm))
        centred = sum((sum(one) - total / n * len(one)) ** 2 for one in arm)
        expected += (centred * len(arm) / (len(arm) - 1) + 0.5) / n**2
    assert found.variance == pytest.approx(expected)
    one_by_one = [Pair(*(summed([[v] for one in arm for v in one], rng) for arm in (stable, canary)))]
    alone = compared("cost", one_by_one, clustered=False)
    assert alone is not None
    assert found.variance > 5 * alone.variance


def test_harm_of_a_score_is_less_of_it() -> None:
    pair = Pair(added(Sums(), 0.9), added(Sums(), 0.4))
    score, errors = (compared(metric, [pair], clustered=False) for metric in ("score", "errors"))
    assert score is not None
    assert errors is not None
    assert score.harm == pytest.approx(0.5) == pytest.approx(-errors.harm)


def test_steps_without_both_arms_are_left_out() -> None:
    one = added(Sums(), 1.0)
    assert compared("cost", [Pair(one, Sums()), Pair(Sums(), one)], clustered=False) is None
    found = compared("cost", [Pair(one, one), Pair(added(one, 9.0), Sums())], clustered=False)
    assert found is not None
    assert (found.harm, found.stable_runs) == (0.0, 1)
