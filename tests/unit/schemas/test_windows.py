"""Windows against a clock that is read every quarter of an hour, and where calendars are odd."""

import random
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from bench.budgets.calendar import Calendar
from schemas.windows import BUCKETS, LENGTHS_MS, PERIODS, WEEK_DAYS, Period, Windows, is_zone

DAY_MS = 86_400_000
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Santiago")


def ms(zone: str, *of: int, fold: int = 0) -> int:
    return int(datetime(*of, tzinfo=ZoneInfo(zone), fold=fold).timestamp() * 1000)  # type: ignore[arg-type,misc]


def shown(zone: str, at_ms: int | None) -> str:
    assert at_ms is not None
    return f"{datetime.fromtimestamp(at_ms / 1000, ZoneInfo(zone)):%Y-%m-%d %H:%M}"


@pytest.mark.parametrize("zone", ZONES)
def test_two_instants_share_a_window_exactly_when_the_clock_says_so(zone: str) -> None:
    first, last = ms("UTC", 2024, 2, 1), ms("UTC", 2025, 4, 20)
    calendar, rng = Calendar(zone, first, last), random.Random(zone)
    for period in PERIODS:
        for week_start in WEEK_DAYS if period == "week" else WEEK_DAYS[:1]:
            windows = Windows(period, zone, week_start)
            near = sorted(rng.randrange(first, last) for _ in range(400))
            near += [at + rng.choice((1, 60_000, 1_800_000)) for at in near]
            labels = [(calendar.label(period, at, week_start), windows.start(at)) for at in sorted(near)]
            for (label, start), (next_label, next_start) in pairwise(labels):
                assert (label == next_label) == (start == next_start), (zone, period, week_start, label, next_label)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("period", [period for period in PERIODS if period not in ("total", "hour", "minute")])
def test_the_next_window_begins_where_this_one_ends(zone: str, period: Period) -> None:
    windows, rng = Windows(period, zone), random.Random(7)
    for _ in range(100):
        at = rng.randrange(ms("UTC", 2024, 1, 1), ms("UTC", 2029, 1, 1))
        start, following = windows.start(at), windows.next_start(at)
        assert following is not None
        assert start <= at < following
        assert windows.start(start) == start == windows.start(following - 1)
        assert windows.start(following) == following


@pytest.mark.parametrize(
    ("zone", "at", "begins", "ends"),
    [
        ("Europe/Berlin", (2026, 3, 29, 12), "2026-03-29 00:00", "2026-03-30 00:00"),
        ("America/Santiago", (2024, 9, 8, 12), "2024-09-08 01:00", "2024-09-09 00:00"),
        ("Africa/Cairo", (2024, 4, 26, 12), "2024-04-26 01:00", "2024-04-27 00:00"),
        ("Pacific/Apia", (2011, 12, 29, 12), "2011-12-29 00:00", "2011-12-31 00:00"),
        ("America/Toronto", (1919, 3, 31, 12), "1919-03-31 00:30", "1919-04-01 00:00"),
    ],
)
def test_a_day_begins_at_the_first_instant_of_its_date(zone: str, at: tuple[int, ...], begins: str, ends: str) -> None:
    windows = Windows("day", zone)
    assert shown(zone, windows.start(ms(zone, *at))) == begins
    assert shown(zone, windows.next_start(ms(zone, *at))) == ends


def test_a_date_that_has_begun_is_not_left_when_the_clock_goes_back_over_midnight() -> None:
    windows = Windows("day", "America/St_Johns")
    again = ms("America/St_Johns", 2010, 11, 6, 23, 30, fold=1)
    assert shown("America/St_Johns", windows.start(again)) == "2010-11-07 00:00"


def test_each_pass_of_a_repeated_hour_is_a_window() -> None:
    windows = Windows("hour", "Europe/Berlin")
    first, second = (ms("Europe/Berlin", 2026, 10, 25, 2, 30, fold=fold) for fold in (0, 1))
    assert windows.start(second) - windows.start(first) == LENGTHS_MS["hour"]


def test_a_leap_day_belongs_to_february_and_to_its_quarter() -> None:
    leap = ms("UTC", 2028, 2, 29, 23, 59)
    assert shown("UTC", Windows("month").next_start(leap)) == "2028-03-01 00:00"
    assert shown("UTC", Windows("quarter").start(leap)) == "2028-01-01 00:00"
    assert shown("UTC", Windows("quarter").next_start(leap)) == "2028-04-01 00:00"


def test_a_week_begins_on_its_day() -> None:
    sunday = ms("UTC", 2026, 11, 29, 5)
    for day in WEEK_DAYS:
        start = Windows("week", week_start=day).start(sunday)
        assert WEEK_DAYS[datetime.fromtimestamp(start / 1000, UTC).weekday()] == day
        assert sunday - start < 7 * DAY_MS


def test_a_total_has_one_window_and_no_next_one() -> None:
    assert Windows("total").start(5) == Windows("total").start(2**50) == 0
    assert Windows("total").next_start(5) is None


@pytest.mark.parametrize("period", list(LENGTHS_MS))
def test_a_sliding_window_counts_all_of_its_length_and_at_most_a_bucket_more(period: Period) -> None:
    windows, rng, length = Windows(period, sliding=True), random.Random(period), LENGTHS_MS[period]
    now = ms("UTC", 2026, 11, 28, 12, 34)
    first, last = windows.counted(now)
    assert windows.bucket_ms * BUCKETS == length
    for _ in range(500):
        at = now - rng.randrange(0, 2 * length)
        is_counted = first <= windows.start(at) <= last
        assert is_counted or at <= now - length
        assert not is_counted or at > now - length - windows.bucket_ms
    assert windows.remembered_from(now) <= first - windows.bucket_ms


def test_a_sliding_window_opens_when_enough_has_left_it() -> None:
    windows, now = Windows("hour", sliding=True), ms("UTC", 2026, 11, 28, 12, 30)
    amounts = {windows.start(now - minutes * 60_000): 10 for minutes in (50, 40, 30)}
    opens = windows.opens(amounts, 15, now)
    first, last = windows.counted(opens)
    assert sum(amount for start, amount in amounts.items() if first <= start <= last) == 10
    first, last = windows.counted(opens - 1)
    assert sum(amount for start, amount in amounts.items() if first <= start <= last) == 20
    assert windows.opens({}, 15, now) == now + windows.bucket_ms


def test_only_names_of_the_database_are_zones() -> None:
    assert is_zone("Asia/Kathmandu")
    assert not any(map(is_zone, ("Mars/Olympus", "", "../etc/passwd", "Europe")))


def test_a_window_is_as_long_as_the_clock_says() -> None:
    berlin = Windows("day", "Europe/Berlin")
    hours = [berlin.length_ms(ms("Europe/Berlin", 2026, *day, 12)) / 3_600_000 for day in ((3, 29), (6, 1), (10, 25))]
    assert hours == [23, 24, 25]
    assert Windows("month").length_ms(ms("UTC", 2026, 2, 3)) == 28 * DAY_MS
    assert Windows("hour", sliding=True).length_ms(0) == 3_600_000
    assert Windows("total").length_ms(0) == 0
