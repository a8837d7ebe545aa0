"""Means, rates and differences of scores with 95% intervals, and the verdict on two versions.

Cases of one cluster (a source document, a conversation) are not independent, so the unit of every interval is the
cluster. Repeats of a case are averaged before: more repeats make a case less noisy, not a suite larger.

* ``mean_of``: the cluster-robust interval of a mean. The variance has the small-sample correction CR2 and the quantile
  is Student's, with the degrees of freedom of Bell and McCaffrey (2002). With clusters of one size this is the t
  interval of the clusters' means.
* ``rate_of``: Wilson's interval for scores of 0 and 1, with the size of the sample that the clusters are worth.
* ``difference_of``: ``mean_of`` paired differences. Where both versions are scored 0 or 1 and fewer than
  ``FEW_DISCORDANT`` cases differ, one case won and one lost are added (Bonett and Price, 2012).

Of 2,000 simulated suites of 50 and 200 cases in clusters of 5, 94 to 96% of the intervals hold the truth for graded
scores, also where they are skewed (beta 8, 1) or clusters have 1 to 9 cases, and for differences of pass rates around
0.8. Near the end of the scale there is less to see, and intervals are too wide rather than too narrow: 97 to 99% for
pass rates of 0.9 and more in 10 clusters, 98 to 100% where few of 50 cases differ. With fewer than ``LEAST_MOVED``
clusters that differ there is no verdict.
"""

import math
from collections.abc import Sequence

from msgspec import Struct

from schemas.prompts.evaluations import Interval, Verdict
from services.prompts.evaluations.figures.student import quantile

CONFIDENCE = 0.975
"""The share under the upper bound of a two-sided interval of 95%."""
POWER = 0.8
#: With fewer clusters that differ, not even a test of signs could find a difference: 2 * 0.5 ** 5 > 0.05.
LEAST_MOVED = 6
FEW_DISCORDANT = 10
#: Smaller differences of scores are rounding.
EQUAL = 1e-9
_NO_SPREAD = 1e-12


class Estimate(Struct, frozen=True, kw_only=True):
    """A mean over ``n`` cases in ``clusters``. ``error`` is its standard error, ``None`` for less than two clusters.

    ``moved``: in how many clusters the mean is not 0.
    """

    mean: float
    error: float | None
    df: float
    low: float | None
    high: float | None
    n: int
    clusters: int
    moved: int

    @property
    def interval(self) -> Interval:
        """The mean with its bounds."""
        return Interval(mean=self.mean, low=self.low, high=self.high)

    @property
    def size(self) -> float:
        """How many independent values from 0 to 1 the clusters are worth, at most ``n``.

        Where all values are equal, that is the number of clusters; else the variance says it.
        """
        spread = self.mean * (1 - self.mean)
        return min(float(self.n), spread / self.error**2) if self.error and spread > 0 else float(self.clusters)

    def within(self, least: float, most: float) -> "Estimate":
        """Return it with bounds that the scale has."""
        bounds = (None if one is None else min(most, max(least, one)) for one in (self.low, self.high))
        return _replaced(self, *bounds)


def mean_of(values: Sequence[float], clusters: Sequence[str]) -> Estimate:
    """Return the mean of one value per case with its cluster-robust interval. There must be a value."""
    sums = _sums(values, clusters)
    found = _clustered(values, list(sums.values()))
    return _with_t_interval(found)


def rate_of(values: Sequence[float], clusters: Sequence[str]) -> Estimate:
    """Return the mean of values from 0 to 1 with Wilson's interval, for a sample of the estimate's ``size``."""
    found = _clustered(values, list(_sums(values, clusters).values()))
    if found.error is None:
        return found
    return _replaced(found, *wilson(found.mean, found.size, quantile(CONFIDENCE, found.df)))


def wilson(rate: float, n: float, z: float) -> tuple[float, float]:
    """Return the interval of a rate in ``n`` independent trials (Wilson, 1927). ``z`` is the quantile."""
    scale = 1 + z * z / n
    middle = (rate + z * z / (2 * n)) / scale
    half = z / scale * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def difference_of(values: Sequence[float], clusters: Sequence[str], *, passes_only: bool = False) -> Estimate:
    """Return the mean of paired differences, one per case. ``passes_only``: all scores of both versions are 0 or 1."""
    sums = list(_sums(values, clusters).values())
    found = _clustered(values, sums)
    if found.error is None:
        return found
    if passes_only and sum(abs(value) > EQUAL for value in values) < FEW_DISCORDANT:
        added = _clustered([*values, 1.0, -1.0], [*sums, (1.0, 1), (-1.0, 1)])
        assert added.error is not None
        half = quantile(CONFIDENCE, found.df) * added.error
        return _replaced(found, added.mean - half, added.mean + half, added.error).within(-1, 1)
    return _with_t_interval(found).within(-1, 1)


def minimum_effect(found: Estimate) -> float | None:
    """Return the smallest true difference that such a suite finds in 80% of its repetitions."""
    if found.error is None:
        return None
    return (quantile(CONFIDENCE, found.df) + quantile(POWER, found.df)) * found.error


def verdict_of(found: Estimate) -> tuple[Verdict, str]:
    """Return the verdict on a difference, and the reason of one that is ``undecided``.

    Two equal versions are called better in less than 2.5% of suites: the interval is two-sided, and a difference under
    the minimum detectable effect decides nothing.
    """
    least = minimum_effect(found)
    if found.low is None or found.high is None or least is None:
        return "undecided", "there is one cluster only; add cases of others"
    if found.moved < LEAST_MOVED:
        return "undecided", f"only {found.moved} clusters differ, {LEAST_MOVED} are needed; add cases"
    if found.low <= 0 <= found.high:
        return "undecided", "the interval contains 0; add cases to make it narrower"
    if abs(found.mean) < least:
        return "undecided", f"the difference is under the minimum detectable effect {least:.3f}; add cases"
    return ("better" if found.mean > 0 else "worse"), ""


def _sums(values: Sequence[float], clusters: Sequence[str]) -> dict[str, tuple[float, int]]:
    """Return the sum and the number of the values of each cluster."""
    found: dict[str, tuple[float, int]] = {}
    for value, cluster in zip(values, clusters, strict=True):
        total, size = found.get(cluster, (0.0, 0))
        found[cluster] = total + value, size + 1
    return found


def _clustered(values: Sequence[float], sums: Sequence[tuple[float, int]]) -> Estimate:
    """Return a mean with its standard error (CR2) and the degrees of freedom of Bell and McCaffrey.

    Both are for a mean as the only coefficient, and equal errors as the working model: with the share ``f`` of the
    cases that a cluster has, a cluster's residual sum is divided by ``sqrt(1 - f)``.
    """
    n, mean = len(values), math.fsum(values) / len(values)
    moved = sum(abs(total) > EQUAL * size for total, size in sums)
    if len(sums) < 2:
        return Estimate(mean=mean, error=None, df=0, low=None, high=None, n=n, clusters=len(sums), moved=moved)
    variance = math.fsum((total - size * mean) ** 2 / (1 - size / n) for total, size in sums) / n**2
    shares = [size / n for _, size in sums]
    pulls = [share**2 / (1 - share) for share in shares]
    df = 1 / (sum(f * f for f in shares) + sum(pulls) ** 2 - sum(a * a for a in pulls))
    error = math.sqrt(variance)
    return Estimate(
        mean=mean,
        error=error if error > _NO_SPREAD else 0.0,
        df=max(1.0, round(df, 9)),
        low=None,
        high=None,
        n=n,
        clusters=len(sums),
        moved=moved,
    )


def _with_t_interval(found: Estimate) -> Estimate:
    if found.error is None:
        return found
    half = quantile(CONFIDENCE, found.df) * found.error
    return _replaced(found, found.mean - half, found.mean + half)


def _replaced(found: Estimate, low: float | None, high: float | None, error: float | None = None) -> Estimate:
    return Estimate(
        mean=found.mean,
        error=found.error if error is None else error,
        df=found.df,
        low=low,
        high=high,
        n=found.n,
        clusters=found.clusters,
        moved=found.moved,
    )
