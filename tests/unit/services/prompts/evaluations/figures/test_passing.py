"""Passed and failed cases."""

from itertools import combinations

import pytest

from schemas.prompts.evaluations import AtK, Flip
from services.prompts.evaluations.figures.passing import all_of, any_of, at_k, flips, gained_and_lost, majority, mcnemar


@pytest.mark.parametrize(
    ("gained", "lost", "p"),
    [(0, 0, 1.0), (1, 0, 1.0), (5, 0, 0.0625), (6, 0, 0.03125), (3, 3, 1.0), (10, 2, 0.0386), (2_600, 2_400, 0.004884)],
)
def test_mcnemar_is_the_exact_two_sided_chance(gained: int, lost: int, p: float) -> None:
    assert mcnemar(gained, lost).p == pytest.approx(p, abs=5e-5)
    assert mcnemar(lost, gained).p == mcnemar(gained, lost).p


@pytest.mark.parametrize("passed", range(6))
@pytest.mark.parametrize("k", range(1, 6))
def test_k_of_five_repeats_equal_all_ways_to_choose_them(passed: int, k: int) -> None:
    ways = list(combinations([place < passed for place in range(5)], k))
    assert any_of(5, passed, k) == pytest.approx(sum(map(any, ways)) / len(ways))
    assert all_of(5, passed, k) == pytest.approx(sum(map(all, ways)) / len(ways))


def test_at_k_ends_at_the_fewest_repeats() -> None:
    found = at_k({"a": [True, True, False], "b": [False, False]})
    assert found == [
        AtK(k=1, any=pytest.approx(1 / 3), all=pytest.approx(1 / 3)),
        AtK(k=2, any=pytest.approx(0.5), all=pytest.approx(1 / 6)),
    ]


def test_at_k_of_no_case_is_empty() -> None:
    assert at_k({}) == []


def test_flips_are_cases_whose_repeats_disagree() -> None:
    found = flips({"b": [True, False, True], "a": [True, True], "c": [False, False], "d": [True]})
    assert found == [Flip(case_id="b", passed=2, repeats=3)]


def test_half_of_the_repeats_is_no_majority() -> None:
    assert [majority([True, False]), majority([True, True, False]), majority([])] == [False, True, False]


def test_gained_and_lost_count_cases_of_both_versions() -> None:
    before = {"a": [True], "b": [False], "c": [False], "only": [True]}
    after = {"a": [False], "b": [True], "c": [False], "other": [True]}
    assert gained_and_lost(before, after) == (1, 1)
