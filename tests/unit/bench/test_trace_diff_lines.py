"""Planted differences of runs, as `make prove AREA=observability` measures them, in small."""

import pytest

from bench.observability.pairs import KINDS, equal_pair, large_pair, planted_pair
from bench.prove.observability import trace_diff
from services.observability.diff.divergence import compare


@pytest.mark.parametrize("kind", KINDS)
def test_a_planted_difference_is_the_only_cause(kind):
    for seed in range(1_000, 1_008):
        pair = planted_pair(seed, kind)
        found = compare(pair.a, pair.b)
        assert trace_diff.first_is_right(pair, found), (seed, pair.step, found.first)
        assert len({cause.step for cause in found.causes if "[" not in cause.step}) <= 1


def test_equal_runs_differ_nowhere():
    assert all(compare(pair.a, pair.b).equal for pair in map(equal_pair, range(1_000, 1_020)))


def test_a_pair_is_the_same_each_time():
    assert planted_pair(3, "cache") == planted_pair(3, "cache")


def test_the_large_pair_has_as_many_spans_as_it_should():
    pair = large_pair(1_000)
    assert 900 <= len(pair.a.spans) <= 1_200
    assert trace_diff.first_is_right(pair, compare(pair.a, pair.b))
