"""ADWIN2: a window over a series that drops its older part when the two parts' means differ for certain.

Source: A. Bifet and R. Gavaldà, "Learning from Time-Changing Data with Adaptive Windowing", SIAM International
Conference on Data Mining 2007. Scores are kept in buckets of 1, 2, 4, ... scores, ``MOST`` of each size, so a window of
n scores takes O(log n). Cuts are tried between buckets, after every ``CLOCK`` scores. With window length n, parts of
lengths n0 and n1 and variance s2, a cut is made where the means differ by more than

    sqrt(2 m s2 ln(2 ln(n) / delta)) + 2/3 m ln(2 ln(n) / delta),   m = 1 / (n0 - k + 1) + 1 / (n1 - k + 1)

with k = ``LEAST``, the least length of a part. The numbers are those of ``river.drift.ADWIN`` 0.26, to 1e-9.
"""

import math
from collections.abc import Iterator

from schemas.tables.quality import Bucket, Window

#: How often cuts are tried, in scores.
CLOCK = 32
#: Buckets of each size; one more merges the two oldest.
MOST = 5
#: The least number of scores of each part.
LEAST = 5
#: Nothing is tried before so many scores.
GRACE = 10
#: The probability of a false cut at one look.
DELTA = 0.002


def learned(window: Window, score: float, delta: float = DELTA, clock: int = CLOCK) -> tuple[Window, bool]:
    """Return the window with one more score, and whether older scores were cut off because of a change."""
    rows = [list(row) for row in window.rows]
    width, total = window.width + 1, window.total + score
    variance = window.variance
    if window.width:
        variance += window.width * (score - window.total / window.width) ** 2 / width
    rows[0].append(Bucket(score, 0.0))
    _compress(rows)
    seen, changed = window.seen + 1, False
    if seen % clock == 0 and width > GRACE:
        while width and _is_cut(rows, width, total, variance, delta):
            width, total, variance = _drop_oldest(rows, width, total, variance)
            changed = True
    return Window(seen, width, total, variance, tuple(tuple(row) for row in rows)), changed


def _compress(rows: list[list[Bucket]]) -> None:
    """Merge the two oldest buckets of each size that has too many."""
    for level, row in enumerate(rows):
        if len(row) <= MOST:
            return
        if level + 1 == len(rows):
            rows.append([])
        size = 2**level
        first, second = row.pop(0), row.pop(0)
        distance = first.total / size - second.total / size
        between = size * size * distance**2 / (2 * size)
        rows[level + 1].append(Bucket(first.total + second.total, first.variance + second.variance + between))


def _buckets(rows: list[list[Bucket]]) -> Iterator[tuple[int, Bucket]]:
    """Yield each bucket with its size, the oldest first."""
    for level in range(len(rows) - 1, -1, -1):
        for bucket in rows[level]:
            yield 2**level, bucket


def _is_cut(rows: list[list[Bucket]], width: int, total: float, variance: float, delta: float) -> bool:
    """Return whether the means before and after some bucket differ for certain."""
    older, newer = 0, width
    older_total, newer_total = 0.0, total
    for size, bucket in _buckets(rows):
        older, newer = older + size, newer - size
        older_total, newer_total = older_total + bucket.total, newer_total - bucket.total
        if newer < LEAST:
            return False
        if older >= LEAST and _differ(older_total / older - newer_total / newer, older, newer, variance / width, delta):
            return True
    return False


def _differ(distance: float, older: int, newer: int, variance: float, delta: float) -> bool:
    confidence = math.log(2 * math.log(older + newer) / delta)
    reciprocal = 1 / (older - LEAST + 1) + 1 / (newer - LEAST + 1)
    bound = math.sqrt(2 * reciprocal * variance * confidence) + 2 / 3 * reciprocal * confidence
    return abs(distance) > bound


def _drop_oldest(rows: list[list[Bucket]], width: int, total: float, variance: float) -> tuple[int, float, float]:
    """Remove the oldest bucket; return the window's width, sum and variance without it."""
    size, bucket = 2 ** (len(rows) - 1), rows[-1].pop(0)
    width, total = width - size, total - bucket.total
    if width:
        distance = bucket.total / size - total / width
        variance -= bucket.variance + size * width * distance**2 / (size + width)
    else:
        variance = 0.0
    while len(rows) > 1 and not rows[-1]:
        rows.pop()
    return width, total, max(0.0, variance)
