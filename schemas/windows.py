"""Windows of budgets: which span of time an instant belongs to, in a time zone, and when the next one begins.

Pure functions of integers: instants and starts of windows are milliseconds since the Unix epoch. The rules:

1. Each instant belongs to one window, which its start names; later instants never belong to an earlier window.
2. A day begins at the first instant of its date in the zone. So a day is 23 or 25 hours long where clocks change, and
   begins at 01:00 where midnight is skipped. Weeks begin with the day ``week_start``; months and quarters as dates say.
3. An hour begins at the full hour by the offset from UTC that is in force: of an hour that the clock repeats, each pass
   is a window of its own. A minute likewise.
4. A sliding window is the ``length`` before an instant. It is counted in ``BUCKETS`` buckets, in UTC, and a bucket that
   is partly inside counts whole: what the window is said to hold is never less than what it holds, and at most one
   bucket more.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

Period = Literal["minute", "hour", "day", "week", "month", "quarter", "total"]
PERIODS: tuple[Period, ...] = ("minute", "hour", "day", "week", "month", "quarter", "total")
WeekDay = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEK_DAYS: tuple[WeekDay, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

#: Resolution of sliding windows: an hour is counted by the minute.
BUCKETS = 60
_SECOND_MS = 1_000
_DAY_MS = 86_400_000
#: Lengths of sliding windows. Those of calendar windows are no more than a day longer.
LENGTHS_MS: dict[Period, int] = {
    "minute": 60_000,
    "hour": 3_600_000,
    "day": _DAY_MS,
    "week": 7 * _DAY_MS,
    "month": 30 * _DAY_MS,
    "quarter": 90 * _DAY_MS,
}
#: How many windows are remembered, so that a settlement that comes late still finds its own.
REMEMBERED = 64
#: How far clocks of different machines may differ, at most, for a bucket to be there when it is asked for.
SKEW_MS = 60_000


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows of one budget. ``zone`` is a name of the IANA database; a total has one window, which starts at 0."""

    period: Period = "month"
    zone: str = "UTC"
    week_start: WeekDay = "monday"
    sliding: bool = False

    @property
    def bucket_ms(self) -> int:
        """The length of one bucket of a sliding window."""
        return LENGTHS_MS[self.period] // BUCKETS

    def start(self, at_ms: int) -> int:
        """Return the start of the window, or of the bucket, that an instant is booked into."""
        if self.period == "total":
            return 0
        if self.sliding:
            return at_ms - at_ms % self.bucket_ms
        if self.period in ("minute", "hour"):
            return at_ms - (at_ms + _offset_ms(self.zone, at_ms)) % LENGTHS_MS[self.period]
        return _date_start(self.zone, _first_date(self, _date_at(self.zone, at_ms)))

    def counted(self, at_ms: int) -> tuple[int, int]:
        """Return the first and the last start that count at an instant; of a sliding window, all from the first on."""
        if self.sliding:
            return self.start(at_ms - LENGTHS_MS[self.period]), at_ms + REMEMBERED * LENGTHS_MS[self.period]
        start = self.start(at_ms)
        return start, start

    def next_start(self, at_ms: int) -> int | None:
        """Return when the next window begins, or the next bucket; ``None`` for a total."""
        if self.period == "total":
            return None
        start = self.start(at_ms)
        if self.sliding:
            return start + self.bucket_ms
        if self.period in ("minute", "hour"):
            return start + LENGTHS_MS[self.period]
        return _date_start(self.zone, _NEXT_DATE[self.period](_first_date(self, _date_at(self.zone, at_ms))))

    def length_ms(self, at_ms: int) -> int:
        """Return how long the window of an instant is; 0 for a total."""
        if self.period == "total" or self.sliding:
            return LENGTHS_MS.get(self.period, 0)
        return (self.next_start(at_ms) or 0) - self.start(at_ms)

    def opens(self, amounts: Mapping[int, int], over: int, at_ms: int) -> int:
        """Return when buckets that hold ``over`` together will have left a sliding window.

        At the latest that is when all of them have; what is held meanwhile may be settled for less, so ask again then.
        """
        first, last = self.counted(at_ms)
        for start in sorted(start for start in amounts if first <= start <= last):
            over -= amounts[start]
            if over <= 0:
                return start + self.bucket_ms + LENGTHS_MS[self.period]
        return at_ms + self.bucket_ms

    def remembered_from(self, now_ms: int) -> int:
        """Return the first start that is remembered at an instant; what is booked before it is too late to count."""
        if self.period == "total":
            return 0
        length = LENGTHS_MS[self.period]
        if self.sliding:
            return self.start(now_ms - length - max(5 * self.bucket_ms, SKEW_MS))
        return now_ms - REMEMBERED * length


def is_zone(name: str) -> bool:
    """Return whether the IANA database has a zone of this name."""
    try:
        _zone(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


@lru_cache(maxsize=512)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _local(zone: str, at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms // _SECOND_MS, UTC).astimezone(_zone(zone))


def _offset_ms(zone: str, at_ms: int) -> int:
    if zone == "UTC":
        return 0
    offset = _local(zone, at_ms).utcoffset()
    return 0 if offset is None else int(offset.total_seconds()) * _SECOND_MS


def _date_at(zone: str, at_ms: int) -> date:
    """Return the date that an instant counts for. A date that has begun is never left, though the clock goes back."""
    day = _local(zone, at_ms).date()
    following = day + timedelta(days=1)
    return following if _date_start(zone, following) <= at_ms else day


@lru_cache(maxsize=8_192)
def _date_start(zone: str, day: date) -> int:
    """Return the first instant at which a zone's clock shows this date or a later one."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=_zone(zone))
    at_s = int(midnight.timestamp())
    local = _local(zone, at_s * _SECOND_MS)
    if (local.date(), local.hour, local.minute, local.second) == (day, 0, 0, 0):
        return at_s * _SECOND_MS
    return _first_second(zone, day, at_s) * _SECOND_MS


def _first_second(zone: str, day: date, near_s: int) -> int:
    """Return the second at which a skipped midnight is passed, by bisection around ``near_s``."""
    before, after = near_s - 2 * 86_400, near_s + 2 * 86_400
    while after - before > 1:
        middle = (before + after) // 2
        if _local(zone, middle * _SECOND_MS).date() >= day:
            after = middle
        else:
            before = middle
    return after


def _first_date(windows: Windows, day: date) -> date:
    match windows.period:
        case "week":
            return day - timedelta(days=(day.weekday() - WEEK_DAYS.index(windows.week_start)) % 7)
        case "month":
            return day.replace(day=1)
        case "quarter":
            return day.replace(month=day.month - (day.month - 1) % 3, day=1)
    return day


def _months_later(day: date, months: int) -> date:
    years, month = divmod(day.month - 1 + months, 12)
    return date(day.year + years, month + 1, 1)


_NEXT_DATE: dict[Period, Callable[[date], date]] = {
    "day": lambda day: day + timedelta(days=1),
    "week": lambda day: day + timedelta(days=7),
    "month": lambda day: _months_later(day, 1),
    "quarter": lambda day: _months_later(day, 3),
}
