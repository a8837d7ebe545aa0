"""Histograms, and the population stability index beside its formula."""

import math
import random

import pytest

from services.observability.quality.stability import stability_index
from streams.core.quality.fold import REFERENCE, TENTHS, counted


def histogram(scores: list[float]) -> tuple[int, ...]:
    counts: tuple[int, ...] = ()
    for score in scores:
        counts = counted(counts, score)
    return counts


def test_scores_are_counted_in_tenths() -> None:
    assert histogram([0.0, 0.05, 0.1, 0.99, 1.0]) == (2, 1, 0, 0, 0, 0, 0, 0, 0, 2)


def test_it_is_the_sum_over_the_shares() -> None:
    rng = random.Random(1)
    before = histogram([rng.random() for _ in range(REFERENCE)])
    now = histogram([rng.random() ** 2 for _ in range(REFERENCE)])
    p = [(count + 0.5) / (REFERENCE + 0.5 * TENTHS) for count in before]
    q = [(count + 0.5) / (REFERENCE + 0.5 * TENTHS) for count in now]
    expected = math.fsum((b - a) * math.log(b / a) for a, b in zip(p, q, strict=True))
    assert stability_index(before, now) == pytest.approx(expected, abs=1e-9)
    assert expected > 0.25, "a large shift"


def test_equal_distributions_are_stable() -> None:
    rng = random.Random(2)
    first, second = (histogram([rng.random() for _ in range(REFERENCE)]) for _ in range(2))
    assert stability_index(first, first) == 0
    assert stability_index(first, second) < 0.1


def test_nothing_is_compared_with_an_empty_histogram() -> None:
    assert stability_index((), (1,) * TENTHS) is None
    assert stability_index((1,) * TENTHS, ()) is None
