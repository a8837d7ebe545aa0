"""ADWIN beside a reference: positions of changes and numbers that ``river`` 0.26 gave for the same series."""

import json
import math
import random
from pathlib import Path

import pytest

from schemas.tables.quality import Window
from streams.core.quality.adwin import CLOCK, MOST, learned

#: Made by ``river.drift.ADWIN``: see the keys. A window begins anew after a change, as that one's does.
RECORDED = json.loads(Path(__file__).with_name("adwin.json").read_text())


def series(kind: str, seed: int, length: int) -> list[float]:
    rng = random.Random(seed)

    def one(mean: float) -> float:
        return {
            "binary": lambda: float(rng.random() < mean),
            "graded": lambda: min(1.0, max(0.0, rng.gauss(mean, 0.15))),
            "flat": rng.random,
        }[kind]()

    return [one(0.8 if number < length // 2 else 0.55) for number in range(length)]


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: f"{case['kind']}-{case['seed']}")
def test_it_gives_the_reference_numbers(case: dict) -> None:
    window, changes, means = Window(), [], []
    for number, score in enumerate(series(case["kind"], case["seed"], case["length"])):
        window, changed = learned(window, score, delta=case["delta"])
        if number % 100 == 99:
            means.append(window.mean)
        if changed:
            changes.append((number, window.width, window.mean, window.variance))
            window = Window()
    assert means == pytest.approx(case["means"], abs=1e-9)
    assert [change[:2] for change in changes] == [(number, width) for number, width, *_ in case["changes"]]
    for (_, _, mean, variance), (_, _, ours_mean, ours_variance) in zip(case["changes"], changes, strict=True):
        assert ours_mean == pytest.approx(mean, abs=1e-9)
        assert ours_variance == pytest.approx(variance, abs=1e-9)


def test_sums_are_those_of_the_kept_scores() -> None:
    scores, window = series("graded", 3, 600), Window()
    for score in scores:
        window, _ = learned(window, score)
    kept = scores[-window.width :]
    assert window.seen == 600
    assert window.width < 600, "the change was cut off"
    assert window.total == pytest.approx(math.fsum(kept))
    mean = math.fsum(kept) / len(kept)
    assert window.mean == pytest.approx(mean)
    assert window.variance == pytest.approx(math.fsum((x - mean) ** 2 for x in kept))


def test_a_window_of_n_scores_takes_few_buckets() -> None:
    window = Window()
    for _ in range(5_000):
        window, changed = learned(window, 0.5)
        assert not changed
    assert window.width == 5_000
    assert sum(len(row) for row in window.rows) <= MOST * math.ceil(math.log2(5_000))
    assert sum(2**level * len(row) for level, row in enumerate(window.rows)) == 5_000


def test_cuts_are_tried_by_the_clock_only() -> None:
    window = Window()
    for number, score in enumerate([1.0] * 64 + [0.0] * 200, start=1):
        window, changed = learned(window, score)
        if changed:
            assert number % CLOCK == 0
            assert window.mean < 0.5
            return
    pytest.fail("a fall from 1 to 0 was not found")


@pytest.mark.parametrize(
    ("older", "newer", "delta"),
    [(8, 24, 0.628024518), (12, 20, 0.201394210), (16, 16, 0.142935173), (24, 8, 0.628024518)],
)
def test_it_cuts_where_the_means_differ_by_more_than_the_bound_and_not_before(
    older: int, newer: int, delta: float
) -> None:
    """The bound, of the formula by hand, is the difference of the means here, 1, at ``delta``."""
    for chance, is_cut in ((delta * 0.99999, False), (delta * 1.00001, True)):
        window, changed = Window(), False
        for score in [0.0] * older + [1.0] * newer:
            window, changed = learned(window, score, delta=chance)
        assert changed is is_cut
