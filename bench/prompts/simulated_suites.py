"""Simulated suites of cases with a known truth: how often intervals hold it, and how often equal versions differ."""

import math
import random
from collections.abc import Callable, Sequence
from statistics import NormalDist

from services.prompts.evaluations.figures.statistics import Estimate, difference_of, verdict_of

CLUSTER = 5
#: How much of the variance of a case is that of its cluster.
SHARED = 0.3

_NORMAL = NormalDist()

Suite = Callable[[random.Random, int], Sequence[float]]
"""Draws one suite of so many cases, in clusters of ``CLUSTER``: a score of each, or a difference of two versions."""
Estimator = Callable[[Sequence[float], Sequence[str]], Estimate]


def graded(effect: float, rng: random.Random, cases: int) -> list[float]:
    """Return differences of graded scores, normal around ``effect``, in which the cases of a cluster are alike."""
    own, common = 0.2 * math.sqrt(1 - SHARED), 0.2 * math.sqrt(SHARED)
    shared = [rng.gauss(0, common) for _ in range(cases // CLUSTER)]
    return [effect + shared[case // CLUSTER] + rng.gauss(0, own) for case in range(cases)]


def repeated(effect: float, repeats: int, rng: random.Random, cases: int) -> list[float]:
    """Return the same of versions that answer each case several times: the means of a case's repeats."""
    noise = 0.3 / math.sqrt(repeats)
    return [value + rng.gauss(0, noise) for value in graded(effect, rng, cases)]


def passed(rate: float, rng: random.Random, cases: int) -> list[float]:
    """Return 1 for a case that passes and 0 for one that fails. A cluster's own rate is beta distributed."""
    rates = [_rate(rate, rng) for _ in range(cases // CLUSTER)]
    return [float(rng.random() < rates[case // CLUSTER]) for case in range(cases)]


def passed_by_both(before: float, after: float, rng: random.Random, cases: int) -> list[float]:
    """Return differences of pass and fail between two versions that find the same clusters hard."""
    bounds = _NORMAL.inv_cdf(before), _NORMAL.inv_cdf(after)
    hard = [math.sqrt(SHARED) * rng.gauss(0, 1) for _ in range(cases // CLUSTER)]
    return [_newly_passed(bounds, hard[case // CLUSTER], rng) for case in range(cases)]


def covered(suite: Suite, truth: float, cases: int, suites: int, estimate: Estimator = difference_of) -> float:
    """Return the share of suites whose 95% interval holds the truth."""
    clusters = clusters_of(cases)
    rng = random.Random(suites + cases)  # noqa: S311 - the same suites each time
    held = 0
    for _ in range(suites):
        found = estimate(suite(rng, cases), clusters)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= truth <= found.high
    return held / suites


def called_better(suite: Suite, cases: int, suites: int, estimate: Estimator = difference_of) -> float:
    """Return the share of suites of which the verdict is ``better``."""
    clusters = clusters_of(cases)
    rng = random.Random(suites + cases)  # noqa: S311 - the same suites each time
    verdicts = [verdict_of(estimate(suite(rng, cases), clusters))[0] for _ in range(suites)]
    return verdicts.count("better") / suites


def clusters_of(cases: int) -> list[str]:
    """Return the cluster of each case."""
    return [f"c{case // CLUSTER}" for case in range(cases)]


def _rate(mean: float, rng: random.Random) -> float:
    size = 1 / SHARED - 1
    return rng.betavariate(mean * size, (1 - mean) * size)


def _newly_passed(bounds: tuple[float, float], hard: float, rng: random.Random) -> float:
    """Draw 1 for a case that only the later version passes, and -1 for one that only the earlier passes.

    A version passes where a normal value, which a cluster shares in part, is under its bound.
    """
    own = math.sqrt(1 - SHARED)
    before, after = (hard + own * rng.gauss(0, 1) < bound for bound in bounds)
    return float(after) - float(before)
