"""Outliers: what is far from the others, whatever the others are."""

import random

import pytest

from services.observability.quality.outliers import LEAST_RUNS, Measured, outliers


def runs(values: list[int], workflow: str = "flow") -> list[Measured]:
    return [Measured(f"t{n}", f"r{n}", workflow, value) for n, value in enumerate(values)]


def lognormal(count: int, seed: int = 1) -> list[int]:
    rng = random.Random(seed)
    return [round(rng.lognormvariate(20, 0.3)) for _ in range(count)]


def test_a_run_that_takes_ten_times_as_long_is_found_with_its_figures() -> None:
    usual = lognormal(200)
    (one,) = outliers(runs([*usual, 10 * sorted(usual)[100]]))
    assert one.run.run_id == "r200"
    assert one.times == pytest.approx(10, rel=0.02)
    assert (one.runs, one.score > 3.5) == (201, True)
    assert one.median == pytest.approx(sorted(usual)[100], rel=0.02)


def test_many_outliers_do_not_hide_each_other() -> None:
    usual = lognormal(100)
    assert len(outliers(runs([*usual, *[50 * one for one in usual[:30]]]))) >= 30


def test_few_false_ones_among_usual_runs() -> None:
    assert len(outliers(runs(lognormal(10_000)))) < 20


def test_each_workflow_has_its_own_median() -> None:
    slow = runs([one * 1_000 for one in lognormal(50)], "slow")
    assert outliers([*runs(lognormal(50)), *slow]) == []


def test_equal_runs_are_spread_by_a_little() -> None:
    assert outliers(runs([1_000] * 50 + [1_100])) == []
    (one,) = outliers(runs([1_000] * 50 + [2_000]))
    assert one.times == pytest.approx(2)


def test_a_few_runs_and_runs_that_cost_nothing_have_none() -> None:
    assert outliers(runs([1] * (LEAST_RUNS - 2) + [1_000])) == []
    assert outliers(runs([0] * 100 + [5])) == []
