"""Slots of schedules: intervals, cron, and the two days a year on which clocks jump."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.schedule import Timing, next_slot, slot_id, slots, timing_problems

BERLIN = "Europe/Berlin"


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def between(timing: Timing, start: str, end: str) -> list[str]:
    return [slot_id(slot)[5:16] for slot in slots(timing, ms(start) - 1, ms(end), 1000)]


def test_intervals_count_from_the_epoch():
    hourly = Timing(interval_s=3600)
    assert between(hourly, "2026-11-25T10:00", "2026-11-25T12:30") == ["11-25T10:00", "11-25T11:00", "11-25T12:00"]
    assert next_slot(hourly, ms("2026-11-25T10:00")) == ms("2026-11-25T11:00")
    assert next_slot(hourly, ms("2026-11-25T10:00") - 1) == ms("2026-11-25T10:00")


def test_cron_is_in_its_time_zone():
    morning = Timing(cron="0 8 * * MON-FRI", time_zone=BERLIN)
    assert between(morning, "2026-11-27T00:00", "2026-12-01T00:00") == ["11-27T07:00", "11-30T07:00"]
    assert between(Timing(cron="0 8 * * *", time_zone="Asia/Kolkata"), "2026-11-25T00:00", "2026-11-26T00:00") == [
        "11-25T02:30"
    ]


def test_a_time_in_the_skipped_hour_is_the_first_moment_after_it():
    # 2026-03-29, 02:00 becomes 03:00, which is 01:00 UTC.
    night = Timing(cron="30 2 * * *", time_zone=BERLIN)
    assert between(night, "2026-03-28T00:00", "2026-03-31T00:00") == ["03-28T01:30", "03-29T01:00", "03-30T00:30"]


def test_two_times_in_the_skipped_hour_are_one_slot():
    night = Timing(cron="15,45 2 * * *", time_zone=BERLIN)
    assert between(night, "2026-03-29T00:00", "2026-03-29T12:00") == ["03-29T01:00"]


def test_a_time_in_the_doubled_hour_is_its_first():
    # 2026-10-25, 03:00 becomes 02:00: 02:30 is at 00:30 and at 01:30 UTC.
    night = Timing(cron="30 2 * * *", time_zone=BERLIN)
    assert between(night, "2026-10-24T12:00", "2026-10-26T12:00") == ["10-25T00:30", "10-26T01:30"]


def test_what_passes_hourly_skips_and_doubles_with_the_clock():
    hourly = Timing(cron="0 * * * *", time_zone=BERLIN)
    spring = between(hourly, "2026-03-29T00:00", "2026-03-29T03:00")
    autumn = between(hourly, "2026-10-25T00:00", "2026-10-25T03:00")
    assert spring == ["03-29T00:00", "03-29T01:00", "03-29T02:00", "03-29T03:00"]
    assert autumn == ["10-25T00:00", "10-25T01:00", "10-25T02:00", "10-25T03:00"]


def test_a_look_from_inside_the_doubled_hour_goes_on_and_not_back():
    night = Timing(cron="15,45 2 * * *", time_zone=BERLIN)
    second_half_past = ms("2026-10-25T01:30")
    assert slot_id(next_slot(night, second_half_past) or 0) == "2026-10-26T01:15:00Z"


@pytest.mark.parametrize(
    ("timing", "field"),
    [
        (Timing(), "cron"),
        (Timing(cron="* * * * *", interval_s=5), "cron"),
        (Timing(cron="* * * *"), "cron"),
        (Timing(cron="* * * * * *"), "cron"),
        (Timing(cron="61 * * * *"), "cron"),
        (Timing(cron="0 0 31 2 *"), "cron"),
        (Timing(cron="0 8 * * *", time_zone="Mars/Olympus"), "time_zone"),
        (Timing(interval_s=5, time_zone="../etc/passwd"), "time_zone"),
    ],
)
def test_timings_that_are_none(timing, field):
    (problem,) = timing_problems(timing)
    assert problem.path == field
    assert problem.fix


@pytest.mark.parametrize("cron", ["0 8 * * MON-FRI", "*/15 * * * *", "0 0 29 2 *", "0 0 L * *", "0 9 * * MON#1"])
def test_timings_that_are_some(cron):
    assert timing_problems(Timing(cron=cron, time_zone=BERLIN)) == []
    assert next_slot(Timing(cron=cron, time_zone=BERLIN), ms("2026-01-01T00:00")) is not None


CRONS = ("30 2 * * *", "15,45 1-3 * * *", "*/20 * * * *", "0 */2 * * *", "5 * * * SUN", "59 23 * 3,10 *")


@settings(max_examples=60)
@given(
    st.sampled_from(CRONS),
    st.sampled_from([BERLIN, "America/New_York", "Australia/Lord_Howe", "UTC"]),
    st.sampled_from(
        ["2026-03-07T00:00", "2026-03-28T12:00", "2026-04-04T06:00", "2026-10-24T20:00", "2026-10-31T20:00"]
    ),
    st.integers(0, 48 * 3600),
)
def test_slots_rise_and_do_not_depend_on_where_one_looks_from(cron, zone, start, shift):
    timing = Timing(cron=cron, time_zone=zone)
    begin = ms(start)
    whole = slots(timing, begin, begin + 72 * 3_600_000, 1000)
    assert whole == sorted(set(whole))
    middle = begin + shift * 1000
    assert slots(timing, middle, begin + 72 * 3_600_000, 1000) == [slot for slot in whole if slot > middle]


@pytest.mark.parametrize(
    "name",
    ["localtime", "posixrules", "Factory", "posix/Europe/Berlin", "right/UTC", "europe/berlin", "../UTC", "", "\0"],
)
def test_a_zone_of_one_machine_is_no_time_zone(name):
    (problem,) = timing_problems(Timing(cron="0 8 * * *", time_zone=name))
    assert (problem.path, bool(problem.fix)) == ("time_zone", True)


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "EST5EDT"])
def test_a_name_of_the_iana_database_is_a_time_zone(name):
    assert timing_problems(Timing(cron="0 8 * * *", time_zone=name)) == []
