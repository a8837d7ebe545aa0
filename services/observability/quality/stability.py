"""How far two histograms of scores are apart: the population stability index.

The index is the sum of (q - p) ln(q / p) over the parts, with shares p before and q now. Below 0.1 is usually read as
stable, 0.1 to 0.25 as a shift, above as a large one. Half a score is added to every part, so that an empty one is no
infinity. Chance alone gives about ``2 * (parts - 1) / n`` with n scores each. Source: N. Siddiqi, "Credit Risk
Scorecards", 2006.
"""

import math
from collections.abc import Sequence

_ADDED = 0.5


def stability_index(before: Sequence[int], now: Sequence[int]) -> float | None:
    """Return the index of two histograms of as many parts; ``None`` while one of them is empty."""
    if not before or not now:
        return None
    p, q = _shares(before), _shares(now)
    return sum((b - a) * math.log(b / a) for a, b in zip(p, q, strict=True))


def _shares(histogram: Sequence[int]) -> list[float]:
    total = sum(histogram) + _ADDED * len(histogram)
    return [(count + _ADDED) / total for count in histogram]
