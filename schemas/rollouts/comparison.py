"""The difference of the arms' means over all steps, and its variance.

Within a step the ratio is constant, so the arms see the same hours. Steps are compared each by itself and then averaged
with weights ``n m / (n + m)``: a drift over steps is no difference. A mean is a ratio of sums over clusters, with the
linearised variance ``sum((s - mean n)²) / n²`` (Cochran, "Sampling techniques", 1977, section 6.3). Runs that are
assigned one by one are clusters of one value, and then it is the usual variance. Half a squared unit is added to the
sum of squares, as half a success and half a failure would, so that no variance is 0 before the first failure.
"""

from collections.abc import Iterable
from math import sqrt
from typing import NamedTuple

from schemas.rollouts.plan import Metric
from schemas.tables.deployments import Pair, Sums

_HALF = 0.5


class Difference(NamedTuple):
    """One metric of both arms: values, clusters, means; ``harm`` is positive when the canary is worse."""

    stable_runs: int
    canary_runs: int
    clusters: int
    stable: float
    canary: float
    harm: float
    variance: float


def added(sums: Sums, value: float, cluster: tuple[int, float] = (0, 0.0)) -> Sums:
    """Return the sums with one more value of a cluster, which so far has a number of values and their sum."""
    n, total = cluster
    return Sums(
        sums.n + 1,
        sums.total + value,
        sums.squares + (2.0 * total * value + value * value),
        sums.products + (total + value * n + value),
        sums.sizes + 2 * n + 1,
        sums.clusters + (n == 0),
    )


def compared(metric: Metric, steps: Iterable[Pair], *, clustered: bool) -> Difference | None:
    """Return the difference over the steps in which both arms have values, or ``None`` without one.

    Clusters may be in several steps, so their standard errors are added as if they were fully correlated.
    """
    used = [pair for pair in steps if pair.stable.n and pair.canary.n]
    if not used:
        return None
    weights = difference = variance = error = 0.0
    for pair in used:
        weight = pair.stable.n * pair.canary.n / (pair.stable.n + pair.canary.n)
        of_step = _variance(pair.stable) + _variance(pair.canary)
        weights += weight
        difference += weight * (_mean(pair.canary) - _mean(pair.stable))
        variance += weight * weight * of_step
        error += weight * sqrt(of_step)
    harm = difference / weights
    return Difference(
        sum(pair.stable.n for pair in used),
        sum(pair.canary.n for pair in used),
        min(sum(pair.stable.clusters for pair in used), sum(pair.canary.clusters for pair in used)),
        sum(pair.stable.total for pair in used) / sum(pair.stable.n for pair in used),
        sum(pair.canary.total for pair in used) / sum(pair.canary.n for pair in used),
        -harm if metric == "score" else harm,
        error * error / (weights * weights) if clustered else variance / (weights * weights),
    )


def _mean(sums: Sums) -> float:
    return sums.total / sums.n


def _variance(sums: Sums) -> float:
    mean = sums.total / sums.n
    centred = sums.squares - 2.0 * mean * sums.products + mean * mean * sums.sizes
    few = sums.clusters / (sums.clusters - 1) if sums.clusters > 1 else 1.0
    return (max(0.0, centred) * few + _HALF) / (float(sums.n) * sums.n)
