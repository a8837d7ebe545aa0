"""What becomes of slots that are due: missed ones, and ones that meet the run before."""

import pytest

from schemas.schedule import Timing
from streams.core.schedules import HORIZON_MS, MISSED_AFTER_MS, due, overlap

MINUTE = 60_000
EVERY = Timing(interval_s=60)
NOW = 1_000 * MINUTE


def minutes(*numbers: int) -> tuple[int, ...]:
    return tuple(number * MINUTE for number in numbers)


def test_a_slot_in_time_is_run_whatever_is_said_of_missed_ones():
    for catchup in ("all", "latest", "none"):
        found = due(EVERY, NOW, NOW + 500, catchup, 10)
        assert (found.slots, found.dropped, found.next_ms) == ((NOW,), 0, NOW + MINUTE)


def test_slots_within_grace_are_all_run():
    every_second = Timing(interval_s=1)
    found = due(every_second, NOW, NOW + 3_000, "none", 1)
    assert found.slots == (NOW, NOW + 1_000, NOW + 2_000, NOW + 3_000)


@pytest.mark.parametrize(
    ("catchup", "limit", "slots", "dropped"),
    [
        ("all", 100, minutes(995, 996, 997, 998, 999, 1000), 0),
        ("all", 2, minutes(997, 998, 999, 1000), 2),
        ("latest", 100, minutes(999, 1000), 4),
        ("none", 100, minutes(999, 1000), 4),
    ],
)
def test_missed_slots_beside_one_that_is_due(catchup, limit, slots, dropped):
    found = due(EVERY, 995 * MINUTE, NOW, catchup, limit)
    assert (found.slots, found.dropped, found.next_ms) == (slots, dropped, NOW + MINUTE)


def test_of_missed_slots_alone_the_latest_is_run():
    hourly = Timing(interval_s=3600)
    now = 50 * 3_600_000 + 10 * MINUTE
    assert due(hourly, 40 * 3_600_000, now, "latest", 9).slots == (50 * 3_600_000,)
    assert due(hourly, 40 * 3_600_000, now, "none", 9).slots == ()
    assert due(hourly, 40 * 3_600_000, now, "none", 9).next_ms == 51 * 3_600_000


def test_years_of_missed_slots_cost_a_week():
    found = due(EVERY, 0, HORIZON_MS * 52, "all", 1_000)
    assert len(found.slots) == 1_000 + MISSED_AFTER_MS // MINUTE + 1
    assert found.dropped < HORIZON_MS // MINUTE
    assert found.next_ms == HORIZON_MS * 52 + MINUTE


def test_nothing_is_due_yet():
    found = due(EVERY, NOW + MINUTE, NOW, "all", 10)
    assert (found.slots, found.dropped) == ((), 0)


@pytest.mark.parametrize(
    ("policy", "runs", "waits", "verdict"),
    [
        *((policy, False, False, "start") for policy in ("skip", "queue_one", "allow", "cancel_previous")),
        ("skip", True, False, "skip"),
        ("allow", True, False, "start"),
        ("queue_one", True, False, "queue"),
        ("queue_one", True, True, "skip"),
        ("queue_one", False, True, "skip"),
        ("cancel_previous", True, False, "cancel_and_start"),
    ],
)
def test_overlap(policy, runs, waits, verdict):
    assert overlap(policy, previous_runs=runs, one_waits=waits) == verdict


@pytest.mark.parametrize(
    ("catchup", "kept"), [("latest", []), ("none", []), ("all", list(range(NOW - 70_000, NOW - 60_000, 1000)))]
)
def test_after_a_long_outage_a_short_interval_runs_only_the_newest_missed_slots(catchup, kept):
    # Twelve hours of seconds are more slots than one look enumerates.
    next_ms = NOW - 12 * 3_600_000
    found = due(Timing(interval_s=1), next_ms, NOW, catchup, 10)
    fresh = list(range(NOW - 60_000, NOW + 1, 1000))
    assert list(found.slots) == [*kept, *fresh]
    assert found.dropped == 12 * 3600 + 1 - len(found.slots)
    assert found.next_ms == NOW + 1000
