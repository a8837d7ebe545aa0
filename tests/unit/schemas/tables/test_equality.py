"""Bets that two models answer alike: changes are found soon, and chance is rarely taken for one."""

import random

import pytest

from schemas.tables.equality import EPOCH, SHARES, e_value, limit_of, with_pair
from schemas.tables.quality import Equality

FRESH = Equality(reference="p/pinned", limit=limit_of(0.001, 1))


def played(pairs: list[bool], differs_most: float = 0.001, start: Equality = FRESH) -> Equality:
    for differs in pairs:
        start = with_pair(start, differs=differs, differs_most=differs_most)
    return start


def test_expected_wealth_never_grows_under_the_null() -> None:
    outcomes: list[tuple[float, float]] = []

    def play(chance: float, pairs: list[bool]) -> None:
        if len(pairs) == 4:
            outcomes.append((chance, e_value(played(pairs, 0.01))))
            return
        play(chance * 0.01, [*pairs, True])
        play(chance * 0.99, [*pairs, False])

    play(1.0, [])
    assert sum(chance * wealth for chance, wealth in outcomes) == pytest.approx(1.0)


def test_equal_pairs_lose_wealth_and_different_ones_make_some() -> None:
    equal = played([False] * 100)
    assert e_value(equal) < 1
    found = played([True] * 3, start=equal)
    assert (found.pairs, found.different, found.diverged) == (103, 3, True)
    assert e_value(found) >= found.limit


def test_a_divergence_stays_when_pairs_are_equal_again() -> None:
    assert played([True] * 4 + [False] * (2 * EPOCH)).diverged


def test_wealth_starts_again_with_an_epoch() -> None:
    later = played([False] * EPOCH + [True])
    assert e_value(later) == pytest.approx(e_value(played([True])))
    assert later.pairs == EPOCH + 1


def test_each_series_of_a_prompt_has_its_share_of_false_alarms() -> None:
    shares = sum(1 / limit_of(0.001, number) for number in range(1, 10_000))
    assert shares == pytest.approx(0.001, rel=0.001)


def test_false_alarms_are_rarer_than_alpha_even_at_the_bound() -> None:
    dice, alarms = random.Random(3), 0
    for _ in range(300):
        start = Equality(reference="p/pinned", limit=limit_of(0.05, 1))
        alarms += played([dice.random() < 0.01 for _ in range(EPOCH)], 0.01, start).diverged
    # Half of alpha, as this is the first of all series.
    assert alarms <= 0.025 * 300 + 4


def test_a_rare_difference_is_found_within_an_epoch_or_two() -> None:
    dice = random.Random(9)
    found = [played([dice.random() < 0.08 for _ in range(2 * EPOCH)]).diverged for _ in range(30)]
    assert sum(found) == 30
    assert min(SHARES) > 0.01, "what is allowed by chance is below every bet"
