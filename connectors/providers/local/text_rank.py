"""TextRank: sentences ranked by the sentences they share words with (Mihalcea and Tarau, EMNLP 2004).

Plain Python: a graph has sixty sentences at most, and an array library would be a fifth of the image.
"""

import math
from collections import Counter
from collections.abc import Sequence
from operator import mul

DAMPING = 0.85
#: The walk ends when a step moves the ranks by less than this.
EPSILON = 1e-4
#: Against a division by zero, for a sentence that shares nothing.
_TINY = 1e-7


def ranks(sentences: Sequence[Sequence[str]]) -> list[float]:
    """Return the rank of each sentence, given as its stemmed words without stop words; the ranks sum to about 1."""
    if not sentences:
        return []
    counts = [Counter(words) for words in sentences]
    weights = [[0.0] * len(sentences) for _ in sentences]
    for i, one in enumerate(counts):
        for j in range(i, len(sentences)):
            weights[i][j] = weights[j][i] = _similarity(one, counts[j])
    sums = [sum(row) + _TINY for row in weights]
    # Symmetric, so a row is a column; what flows into a sentence is each other one's share of itself.
    inflow = [[DAMPING * weight / total for weight, total in zip(row, sums, strict=True)] for row in weights]
    return _steady(inflow)


def _similarity(one: Counter[str], other: Counter[str]) -> float:
    """Return the words in common, over the logarithms of both lengths, so that long sentences do not win by length."""
    shared = sum(count * other[word] for word, count in one.items() if word in other)
    if not shared:
        return 0.0
    length = math.log(one.total()) + math.log(other.total())
    return shared / length if length > _TINY else float(shared)


def _steady(inflow: Sequence[Sequence[float]]) -> list[float]:
    """Return where a walk over the graph is in the long run."""
    count = len(inflow)
    now = [1.0 / count] * count
    while True:
        jump = (1 - DAMPING) / count * sum(now)
        after = [jump + sum(map(mul, row, now)) for row in inflow]
        if math.dist(after, now) <= EPSILON:
            return after
        now = after
