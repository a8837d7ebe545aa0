"""Alignment of two sequences."""

import random

from services.observability.diff.sequences import MAX_CELLS, align


def _alike(a: str, b: str) -> float:
    return 3.0 if a == b else 0.5 if a[0] == b[0] else -3.0


def _aligned(a: str, b: str) -> list[tuple[str, str]]:
    left, right = a.split(), b.split()
    pairs = align(left, right, _alike)
    return [("-" if i is None else left[i], "-" if j is None else right[j]) for i, j in pairs]


def test_equal_sequences_are_paired_place_by_place():
    assert align(["x", "x", "y"], ["x", "x", "y"], _alike) == [(0, 0), (1, 1), (2, 2)]


def test_an_inserted_item_has_no_partner():
    assert _aligned("a1 b1 c1", "a1 z9 b1 c1") == [("a1", "a1"), ("-", "z9"), ("b1", "b1"), ("c1", "c1")]


def test_alike_items_are_paired_rather_than_left_alone():
    assert _aligned("a1 b1 c1", "a1 b2 c1") == [("a1", "a1"), ("b1", "b2"), ("c1", "c1")]


def test_items_that_may_never_be_a_pair_are_not():
    assert _aligned("a1 b1", "a1 c1 d1") in (
        [("a1", "a1"), ("b1", "-"), ("-", "c1"), ("-", "d1")],
        [("a1", "a1"), ("-", "c1"), ("-", "d1"), ("b1", "-")],
        [("a1", "a1"), ("-", "c1"), ("b1", "-"), ("-", "d1")],
    )


def test_repeats_between_anchors_are_aligned():
    assert _aligned("k1 x1 x1 m1", "k1 x1 m1").count(("x1", "x1")) == 1


def test_empty_sequences():
    assert align([], [], _alike) == []
    assert align(["a1"], [], _alike) == [(0, None)]
    assert align([], ["a1"], _alike) == [(None, 0)]


def test_every_index_is_in_one_pair_and_the_order_is_kept():
    for seed in range(200):
        rng = random.Random(seed)
        a = [rng.choice("abcd") + str(rng.randrange(3)) for _ in range(rng.randrange(40))]
        b = [one for one in a if rng.random() < 0.8]
        for _ in range(rng.randrange(6)):
            b.insert(rng.randrange(len(b) + 1), rng.choice("abcz") + str(rng.randrange(3)))
        pairs = align(a, b, _alike)
        assert [i for i, _ in pairs if i is not None] == list(range(len(a)))
        assert [j for _, j in pairs if j is not None] == list(range(len(b)))


def test_large_stretches_without_anything_unique_are_paired_in_order():
    size = int(MAX_CELLS**0.5) * 20
    pairs = align(["a1"] * size, ["b1"] * (size + 1), _alike)
    assert pairs[:2] == [(0, 0), (1, 1)]
    assert pairs[-1] == (None, size)
