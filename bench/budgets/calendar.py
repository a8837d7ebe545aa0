"""Windows by brute force: the clock of a zone is read every quarter of an hour, and nothing is computed.

It knows no rule of ``schemas.windows``. A date has begun once the clock has shown it or a later one; weeks, months and
quarters are sets of dates; an hour is what the clock shows with its offset. All changes of clocks since 2012 are at
quarters of hours.
"""

from bisect import bisect_right
from collections.abc import Callable, Hashable, Mapping
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from schemas.windows import WEEK_DAYS, Period, WeekDay

TICK_MS = 900_000
_WEEKS = {day: [(number + shift) % 7 for shift in range(7)] for number, day in enumerate(WEEK_DAYS)}


class Calendar:
    """What a zone's clock shows from one instant to another, in milliseconds since the epoch."""

    def __init__(self, zone: str, first_ms: int, last_ms: int) -> None:
        self._zone = ZoneInfo(zone)
        self._ticks = range(first_ms - first_ms % TICK_MS, last_ms + TICK_MS, TICK_MS)
        self._dates: list[date] = []
        newest = date.min
        for tick in self._ticks:
            newest = max(newest, self._read(tick).date())
            self._dates.append(newest)

    def label(self, period: Period, at_ms: int, week_start: WeekDay = "monday") -> Hashable:
        """Return a name of the window of an instant: equal for equal windows, and for no others."""
        if period == "total":
            return "total"
        if period in ("minute", "hour"):
            shown = self._read(at_ms)
            minute = shown.minute if period == "minute" else 0
            return shown.date(), shown.hour, minute, shown.utcoffset()
        day = self._dates[bisect_right(self._ticks, at_ms) - 1]
        return day if period == "day" else _SETS[period](day, week_start)

    def _read(self, at_ms: int) -> datetime:
        return datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(self._zone)


def _week(day: date, week_start: WeekDay) -> date:
    while day.weekday() != _WEEKS[week_start][0]:
        day -= timedelta(days=1)
    return day


_SETS: Mapping[Period, Callable[[date, WeekDay], Hashable]] = {
    "week": _week,
    "month": lambda day, _: (day.year, day.month),
    "quarter": lambda day, _: (day.year, (1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4)[day.month - 1]),
}
