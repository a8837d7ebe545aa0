"""Histograms of scores, from 0 to 1, in tenths."""

from collections.abc import Sequence

#: The number of parts into which scores are counted.
TENTHS = 10
#: How many scores a histogram is of. With fewer, chance alone moves the population stability index above 0.1.
REFERENCE = 500


def counted(histogram: Sequence[int], score: float) -> tuple[int, ...]:
    """Return a histogram with one more score; an empty one begins."""
    counts = list(histogram or (0,) * TENTHS)
    counts[min(TENTHS - 1, int(score * TENTHS))] += 1
    return tuple(counts)
