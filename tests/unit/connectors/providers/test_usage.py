"""Counts of providers: parts that fit into wholes, and bounds for what is not given."""

import random

import pytest

from connectors.prices.rates import PART_OF
from connectors.providers.usage import Bounds, added, counted, whole_number
from schemas.records.base import OTHER_KINDS, Usage

MOST = Bounds(1_000, 100)


def test_counts_are_taken_as_they_are_given() -> None:
    usage, notes = counted({"input_tokens": 90, "output_tokens": 5, "cache_read_tokens": 60, "web_searches": 2}, MOST)
    assert usage == Usage(input_tokens=90, output_tokens=5, cache_read_tokens=60, web_searches=2)
    assert notes == ()


def test_a_count_of_zero_is_given_and_an_absent_one_is_at_its_bound() -> None:
    assert counted({"input_tokens": 0, "output_tokens": 0}, MOST) == (Usage(), ())
    usage, notes = counted({"input_tokens": None}, MOST)
    assert (usage, notes) == (
        Usage(input_tokens=1_000, output_tokens=100),
        ("input_tokens:not_given", "output_tokens:not_given"),
    )


@pytest.mark.parametrize("wrong", [-1, True, "7", 1.5, 2**53, float("nan"), float("inf"), [7], {}])
def test_what_is_no_count_counts_as_not_given(wrong: object) -> None:
    usage, notes = counted({"input_tokens": wrong, "output_tokens": 1, "reasoning_tokens": wrong}, MOST)
    assert usage == Usage(input_tokens=1_000, output_tokens=1)
    assert notes == ("input_tokens:not_given", "reasoning_tokens:unreadable")


def test_a_part_over_its_whole_is_cut_and_noted() -> None:
    given = {"input_tokens": 10, "output_tokens": 5, "cache_read_tokens": 12, "reasoning_tokens": 6}
    usage, notes = counted(given, MOST)
    assert usage == Usage(input_tokens=10, output_tokens=5, cache_read_tokens=10, reasoning_tokens=5)
    assert notes == ("cache_read_tokens:over_the_whole", "reasoning_tokens:over_the_whole")


def test_cached_audio_is_counted_as_cached_and_as_audio_once() -> None:
    given = {"input_tokens": 100, "output_tokens": 0, "cache_read_tokens": 50}
    given |= {"input_audio_tokens": 80, "cache_audio_read_tokens": 40}
    usage, notes = counted(given, MOST)
    assert (usage.cache_read_tokens, usage.input_audio_tokens, usage.cache_audio_read_tokens, notes) == (50, 80, 40, ())


def test_random_counts_always_fit() -> None:
    chance = random.Random(5)
    for _ in range(2_000):
        given = {kind: chance.randint(0, 50) for kind in ("input_tokens", "output_tokens", *OTHER_KINDS)}
        usage, _notes = counted(given, MOST)
        for whole in ("input_tokens", "output_tokens"):
            assert sum(_alone(usage, kind) for kind in PART_OF if whole in PART_OF[kind]) <= getattr(usage, whole)
        assert all(_alone(usage, kind) >= 0 for kind in PART_OF)


def _alone(usage: Usage, kind: str) -> int:
    """Return a kind's tokens that belong to no smaller kind within it."""
    smaller = [part for part in PART_OF if kind in PART_OF[part] and kind not in ("input_tokens", "output_tokens")]
    return int(getattr(usage, kind)) - sum(int(getattr(usage, part)) for part in smaller)


def test_sums_need_at_least_one_count_and_only_counts() -> None:
    assert (added(1, None, 2), added(None), added(1, "2"), added(0)) == (3, None, None, 0)
    assert (whole_number(12.0), whole_number(12.5)) == (12, None)
