"""What a sweep of a checkpoint finds dead, and that it holds nothing else meanwhile."""

from collections.abc import Iterable

import pytest

from connectors.ports.engine import Kept
from streams.runtime.checkpoint.codec import MARKER_KEY, entry_key
from streams.runtime.checkpoint.compaction import Dead

NOW_MS = 1_000


def whole(entity: str, leaves_ms: int | None, field: str | None = None) -> Kept:
    key = entry_key(entity) if field is None else entry_key(entity, field)
    return Kept(key, b"data", leaves_ms)


def tombstone(entity: str, field: str | None = None) -> Kept:
    return Kept(entry_key(entity) if field is None else entry_key(entity, field), None)


def found(records: Iterable[Kept]) -> list[str]:
    dead = Dead(NOW_MS)
    for one in records:
        dead.note(one)
    return list(dead.entities)


def test_what_leaves_later_or_never_is_not_held_for_a_moment() -> None:
    dead = Dead(NOW_MS)
    for number in range(100):
        dead.note(whole(f"later-{number}", NOW_MS + 1))
        dead.note(whole(f"never-{number}", None))
        assert not dead.entities


@pytest.mark.parametrize(
    ("records", "dead"),
    [
        ([whole("a", NOW_MS)], True),
        ([whole("a", NOW_MS), whole("a", NOW_MS + 1)], False),
        ([whole("a", NOW_MS), whole("a", None)], False),
        ([whole("a", None), whole("a", NOW_MS - 1, "field")], True),
        ([whole("a", NOW_MS), tombstone("a")], False),
        ([whole("a", NOW_MS), tombstone("a"), whole("a", NOW_MS)], True),
        ([whole("a", NOW_MS), whole("a", NOW_MS, "field"), tombstone("a", "field")], True),
        ([Kept(MARKER_KEY, b"marker", 0)], False),
    ],
    ids=[
        "left",
        "came_again",
        "came_to_stay",
        "left_by_its_last_entry",
        "taken_back",
        "taken_back_and_left_again",
        "one_entry_taken_back",
        "marker",
    ],
)
def test_the_last_record_of_an_entity_says_whether_it_is_dead(records: list[Kept], dead: bool) -> None:
    assert found(records) == (["a"] if dead else [])


def test_the_oldest_are_first_so_a_sweep_that_is_cut_takes_those() -> None:
    assert found([whole(name, NOW_MS) for name in "cab"]) == ["c", "a", "b"]
