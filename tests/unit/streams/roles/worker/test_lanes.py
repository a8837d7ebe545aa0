"""Lanes: 4 : 2 : 1 while lanes compete, everything for one that is alone."""

from collections import Counter

import pytest

from streams.roles.worker.lanes import Lanes
from topics.catalogue import lane

GOLD, SILVER, BRONZE = (lane(t) for t in ("gold", "silver", "bronze"))
PARTITIONS = {(topic, p) for topic in (GOLD, SILVER, BRONZE) for p in (0, 1)}


def serve(lanes: Lanes, waiting: dict[str, int], polls: int, most: int) -> Counter[str]:
    """Poll as the transport does; a poll reads what it may of the lanes it names. Returns what was read."""
    read: Counter[str] = Counter()
    for _ in range(polls):
        partitions, limit = lanes.choose(PARTITIONS, lambda p: waiting[p[0]] > 0, most)
        assert 0 < limit <= most
        for topic in sorted({topic for topic, _ in partitions}):
            taken = min(limit, waiting[topic])
            if taken:
                waiting[topic] -= taken
                limit -= taken
                read[topic] += taken
                lanes.took(topic, taken)
    return read


@pytest.mark.parametrize("most", [1, 3, 10])
def test_competing_lanes_are_read_by_weight(most: int) -> None:
    read = serve(Lanes(), {GOLD: 10**6, SILVER: 10**6, BRONZE: 10**6}, polls=2_100, most=most)
    total = read.total()
    assert read[GOLD] / total == pytest.approx(4 / 7, abs=0.02)
    assert read[SILVER] / total == pytest.approx(2 / 7, abs=0.02)
    assert read[BRONZE] / total == pytest.approx(1 / 7, abs=0.02)


def test_a_flood_of_gold_does_not_starve_bronze() -> None:
    read = serve(Lanes(), {GOLD: 10**6, SILVER: 0, BRONZE: 5}, polls=20, most=10)
    assert read[BRONZE] == 5


def test_a_lane_alone_gets_everything_at_once() -> None:
    lanes = Lanes()
    partitions, limit = lanes.choose(PARTITIONS, lambda p: p[0] == BRONZE, 10)
    assert {p for p in partitions if p[0] == BRONZE} == {(BRONZE, 0), (BRONZE, 1)}
    assert limit == 10


def test_all_lanes_are_listened_to_while_none_waits() -> None:
    assert Lanes().choose(PARTITIONS, set().__contains__, 4) == (PARTITIONS, 4)


def test_being_alone_builds_up_no_debt() -> None:
    lanes = Lanes()
    serve(lanes, {GOLD: 0, SILVER: 0, BRONZE: 10**4}, polls=500, most=10)
    read = serve(lanes, {GOLD: 10**4, SILVER: 0, BRONZE: 10**4}, polls=50, most=1)
    assert read[BRONZE] == 10


def test_only_partitions_with_waiting_records_are_read_of_the_chosen_lane() -> None:
    behind = {(GOLD, 1), (BRONZE, 0)}
    partitions, _ = Lanes().choose(PARTITIONS, behind.__contains__, 10)
    assert partitions == {(GOLD, 1)}
