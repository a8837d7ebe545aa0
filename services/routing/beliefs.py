"""What is believed of a route's reward: a normal distribution, and each route's probability of being the best.

The probabilities are computed, not drawn: ``POINTS`` equally likely values of a route stand for its distribution, and
at each the chance that no other route has more. So a choice with these probabilities is Thompson sampling whose
propensity is known exactly, and anybody can compute it again.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

POINTS = 16
#: Each route has at least this share of an equal chance, so that no propensity is near 0.
FLOOR = 0.04
#: A route whose mean is so many deviations below the best, of both together, is the best in no case that matters.
_FAR = 4.0
_LEAST_DEVIATION = 1e-6
_ROOT = math.sqrt(0.5)
_QUANTILES = tuple(NormalDist().inv_cdf((i + 0.5) / POINTS) for i in range(POINTS))


class Belief(NamedTuple):
    """The mean and standard deviation of what a route's reward is believed to be."""

    mean: float
    deviation: float


def probabilities(beliefs: Sequence[Belief]) -> list[float]:
    """Return the probability with which each is chosen: that of being the best, with ``FLOOR`` spread evenly."""
    reachable = max(belief.mean - _FAR * belief.deviation for belief in beliefs)
    rivals = [i for i, belief in enumerate(beliefs) if belief.mean + _FAR * belief.deviation >= reachable]
    best = _best([beliefs[i] for i in rivals])
    floor = FLOOR / len(beliefs)
    shares = [floor] * len(beliefs)
    for i, share in zip(rivals, best, strict=True):
        shares[i] += (1 - FLOOR) * share
    return shares


def _best(beliefs: Sequence[Belief]) -> list[float]:
    """Return each one's probability of being the best; they sum to 1."""
    if len(beliefs) == 1:
        return [1.0]
    scales = [_ROOT / max(deviation, _LEAST_DEVIATION) for _, deviation in beliefs]
    found = []
    for place, (mean, deviation) in enumerate(beliefs):
        values = [mean + deviation * z for z in _QUANTILES]
        chances = [1.0] * POINTS
        for other, (mean_there, _) in enumerate(beliefs):
            if other != place:
                scale = scales[other]
                below = [math.erfc((mean_there - value) * scale) for value in values]
                chances = [chance * one for chance, one in zip(chances, below, strict=True)]
        # Each ``erfc`` is twice the chance that it stands for; that is the same for all, so the sum takes it out.
        found.append(sum(chances))
    whole = sum(found)
    return [chance / whole for chance in found]
