"""Keys are placed as Kafka's Java client places them, and runs stay where they began when their topics grow."""

import uuid

import pytest

from schemas.ids import child_run_id, fork_run_id, named_partitions, placed_run_id, run_id
from topics.partitioner import partition_for, run_partition

FIRST, GROWN = 12, 24
RUN = run_id("acme", "api", "order-1")


def test_a_run_of_before_the_growth_stays() -> None:
    runs = [run_id("acme", "api", str(n)) for n in range(200)] + [run_id("acme", "api", None)]
    assert all(named_partitions(run) is None for run in runs)
    assert all(run_partition(run.encode(), FIRST) == partition_for(run.encode(), FIRST) for run in runs)


def test_a_new_run_names_its_partitions_and_is_placed_among_them_for_every_writer() -> None:
    runs = [placed_run_id(run_id("acme", "api", str(n)), GROWN) for n in range(400)]
    assert {named_partitions(run) for run in runs} == {GROWN}
    places = {run_partition(run.encode(), FIRST) for run in runs}
    assert places == set(range(GROWN))
    assert all(
        run_partition(run.encode(), first) == partition_for(run.encode(), GROWN) for run in runs for first in (1, 99)
    )


def test_an_id_that_names_partitions_is_a_uuid_of_version_8_and_deterministic() -> None:
    placed = placed_run_id(RUN, GROWN)
    assert uuid.UUID(placed).version == 8
    assert uuid.UUID(placed).variant == uuid.RFC_4122
    assert str(uuid.UUID(placed)) == placed == placed_run_id(RUN, GROWN)
    assert placed_run_id(placed_run_id(RUN, GROWN), 48) == placed_run_id(RUN, 48)


def test_children_and_forks_are_placed_like_the_run_that_they_come_from() -> None:
    placed = placed_run_id(RUN, GROWN)
    assert named_partitions(child_run_id(placed, "step", 1)) == GROWN
    assert named_partitions(fork_run_id("acme", placed, "again")) == GROWN
    assert named_partitions(child_run_id(RUN, "step", 1)) is None
    assert named_partitions(fork_run_id("acme", RUN, "again")) is None
    assert child_run_id(placed, "step", 1) == child_run_id(placed, "step", 1) != child_run_id(placed, "step", 2)


@pytest.mark.parametrize("text", ["", "run-1", "x" * 36, f"{RUN[:14]}8zzz{RUN[18:]}", f"{RUN[:14]}8000{RUN[18:]}"])
def test_other_keys_name_nothing(text: str) -> None:
    assert named_partitions(text) is None
    assert run_partition(text.encode(), FIRST) == partition_for(text.encode(), FIRST)


@pytest.mark.parametrize("count", [0, 4096])
def test_a_number_that_no_id_can_name_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match="1 to 4095 partitions"):
        placed_run_id(RUN, count)
