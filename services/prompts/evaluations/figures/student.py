"""Student's t distribution: its quantiles for any number of degrees of freedom, also fractions.

The distribution function is the regularised incomplete beta function, computed by its continued fraction (Lentz's
method; Numerical Recipes, 3rd edition, section 6.4). It is accurate to about 1e-12.
"""

import math
from functools import lru_cache
from statistics import NormalDist

_MOST_TERMS = 300
_TINY = 1e-300
_NORMAL = NormalDist()
#: From here on the two distributions differ by less than 1e-7 at the quantiles that are used.
_NORMAL_FROM = 1e7


@lru_cache(maxsize=4096)
def quantile(p: float, df: float) -> float:
    """Return the value that t is under with probability ``p``, 0.5 to 1, for ``df`` degrees of freedom, 1 or more.

    Newton's method from the normal quantile, which is smaller: the distribution function is concave above 0, so each
    step comes closer from below.
    """
    if not 0.5 <= p < 1 or not df >= 1:
        raise ValueError(f"p={p} and df={df} are out of range; p is from 0.5 to 1, df 1 or more")
    t = _NORMAL.inv_cdf(p)
    if df > _NORMAL_FROM:
        return t
    for _ in range(100):
        step = (p - cdf(t, df)) / density(t, df)
        t += step
        if abs(step) <= 1e-12 * max(1.0, t):
            break
    return t


def cdf(t: float, df: float) -> float:
    """Return the probability of a value up to ``t``."""
    tail = 0.5 * _beta_share(df / 2, 0.5, df / (df + t * t))
    return 1 - tail if t > 0 else tail


def density(t: float, df: float) -> float:
    """Return the density at ``t``."""
    scale = math.lgamma((df + 1) / 2) - math.lgamma(df / 2) - 0.5 * math.log(df * math.pi)
    return math.exp(scale - (df + 1) / 2 * math.log1p(t * t / df))


def _beta_share(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function of ``x``, 0 to 1."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    if x < (a + 1) / (a + b + 2):
        return math.exp(front) * _fraction(a, b, x) / a
    return 1 - math.exp(front) * _fraction(b, a, 1 - x) / b


def _fraction(a: float, b: float, x: float) -> float:
    """Return the continued fraction of the incomplete beta function."""
    c, d = 1.0, 1 / _away_from_0(1 - (a + b) * x / (a + 1))
    found = d
    for m in range(1, _MOST_TERMS):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / _away_from_0(1 + term * d)
            c = _away_from_0(1 + term / c)
            found *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return found


def _away_from_0(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
