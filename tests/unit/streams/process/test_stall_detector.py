"""When a partition stands still: by samples and times alone."""

import pytest

from streams.process.stall_detector import BROKEN, PAUSED, READY, Sample, Stall

P = ("run-events", 0)
STALL_S = 10.0


def still(*looks: tuple[float, Sample]) -> str:
    """What is complained of after these looks, each a time and what was seen then."""
    stillness = Stall()
    complaint = ""
    for now, sample in looks:
        complaint = stillness.look(now, {P: sample})[P].complaint(STALL_S)
    return complaint


def test_a_position_that_does_not_move_though_there_is_work_is_a_stall() -> None:
    there = Sample(READY, position=5, lag=3)
    assert still((0, there), (9.9, there)) == ""
    assert still((0, there), (9.9, there), (10, there)) == "has stalled for 10 s with 3 records to do"


def test_nothing_to_do_is_no_stall_and_the_time_counts_from_the_last_idle_look() -> None:
    idle, busy = Sample(READY, position=5), Sample(READY, position=5, lag=1)
    assert still((0, idle), (100, idle)) == ""
    assert still((0, idle), (100, idle), (105, busy)) == ""
    assert still((0, idle), (100, idle), (105, busy), (110, busy)) != ""


def test_one_that_moves_is_no_stall_however_far_behind_it_is() -> None:
    assert still(*((t, Sample(READY, position=t, lag=10_000)) for t in range(100))) == ""


def test_no_room_is_no_stall() -> None:
    full = Sample(READY, position=5, lag=3, room=False)
    assert still((0, full), (60, full)) == ""


def test_a_take_may_last_a_while_and_one_that_begins_anew_again_and_again_is_one_take() -> None:
    taking, gone = Sample("taking"), Sample("gone")
    assert still((0, taking), (9, taking)) == ""
    assert still((0, taking), (6, gone), (12, taking)) == "has been in takeover for 12 s"
    assert still((0, taking), (6, Sample(READY)), (12, taking)) == ""


@pytest.mark.parametrize("status", [PAUSED, BROKEN])
def test_what_needs_hands_is_said_at_once_with_its_reason(status: str) -> None:
    assert still((0, Sample(status, why="because"))) == f"is {status}: because"


def test_a_partition_that_left_is_forgotten() -> None:
    stillness, there = Stall(), Sample(READY, position=5, lag=3)
    stillness.look(0, {P: there})
    assert stillness.look(20, {}) == {}
    assert stillness.look(30, {P: there})[P].still_s == 0
