"""Recent ids: the newest are known, the oldest are forgotten, and the memory is the same before and after."""

import tracemalloc
import uuid

import pytest

from connectors.recent_ids import RecentIds


def test_an_id_is_known_once_it_was_added() -> None:
    recent = RecentIds(16)
    assert "a" not in recent
    recent.add("a")
    recent.add("a")
    assert "a" in recent
    assert "b" not in recent


def test_the_oldest_of_a_bucket_is_forgotten_first() -> None:
    recent = RecentIds(4)
    for name in "abcd":
        recent.add(name)
    assert all(name in recent for name in "abcd")
    recent.add("e")
    assert [name in recent for name in "abcde"] == [False, True, True, True, True]


def test_adding_a_known_id_forgets_none() -> None:
    recent = RecentIds(4)
    for name in "abcdaaaa":
        recent.add(name)
    assert all(name in recent for name in "abcd")


@pytest.mark.parametrize(("most", "ids"), [(1, 4), (4, 4), (5, 8), (50_000, 65_536), (65_536, 65_536)])
def test_the_size_is_rounded_up_to_a_power_of_two(most: int, ids: int) -> None:
    assert RecentIds(most).size_bytes == 8 * ids


def test_hardly_any_of_the_newest_eighth_is_missing() -> None:
    recent, ids = RecentIds(4_096), [str(uuid.uuid4()) for _ in range(20_000)]
    for id_ in ids:
        recent.add(id_)
    newest = ids[-512:]
    assert sum(id_ in recent for id_ in newest) >= 0.97 * len(newest)
    assert sum(id_ in recent for id_ in ids[:10_000]) < 500


def test_its_memory_does_not_grow() -> None:
    recent = RecentIds(4_096)
    for number in range(1_000):
        recent.add(f"first {number}")
    tracemalloc.start()
    try:
        for number in range(50_000):
            recent.add(f"run {number}")
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert grown < 4_096
    assert recent.size_bytes == 8 * 4_096
