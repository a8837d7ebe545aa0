"""Simulated spends of weeks, and whether a forecast's interval has the end of its window."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime

from schemas.windows import Period, Windows
from services.budgets.forecast import forecast, slot_windows

_NOW_MS = int(datetime(2026, 11, 9, tzinfo=UTC).timestamp() * 1000)
_QUARTER_HOUR_MS = 900_000
_DAY_MS = 86_400_000
_PERIODS: tuple[Period, ...] = ("day", "week", "month")


def covered(spends: int) -> tuple[int, int]:
    """Return how many of the intervals had the end, and how many there were."""
    found = [hit for seed in range(spends) for hit in _hits(seed)]
    return sum(found), len(found)


def _hits(seed: int) -> Iterator[bool]:
    """Play one organisation and ask in the middle of a window of each period."""
    rng = random.Random(seed)  # noqa: S311 - a simulation, no secret
    period = _PERIODS[seed % len(_PERIODS)]
    windows = Windows(period)
    slots = slot_windows(windows)
    assert slots is not None
    days = 70 if period != "day" else 30
    at_ms = windows.start(_NOW_MS + rng.randrange(60 * _DAY_MS))
    ends_ms = windows.next_start(at_ms)
    assert ends_ms is not None
    at_ms += int((ends_ms - at_ms) * rng.uniform(0.2, 0.7))
    amounts = _spend(rng, at_ms - days * _DAY_MS, ends_ms)
    start = windows.start(at_ms)
    spent = sum(amount for time, amount in amounts.items() if start <= time < at_ms)
    end = spent + sum(amount for time, amount in amounts.items() if at_ms <= time < ends_ms)
    found = forecast(windows, spent, {time: amount for time, amount in amounts.items() if time < at_ms}, at_ms)
    assert found is not None
    if found.low_nano is not None and found.high_nano is not None:
        yield found.low_nano <= end <= found.high_nano


def _spend(rng: random.Random, first_ms: int, last_ms: int) -> dict[int, int]:
    """Return what was spent by the quarter of an hour: by day and night, on weekends, with busy and quiet days."""
    level, weekend, night = rng.lognormvariate(13, 1), rng.uniform(0.2, 1), rng.uniform(0.1, 1)
    noise, busy, amounts = rng.uniform(0.2, 1.2), rng.uniform(0.05, 0.4), {}
    of_day = 1.0
    for time in range(first_ms - first_ms % _QUARTER_HOUR_MS, last_ms, _QUARTER_HOUR_MS):
        at = datetime.fromtimestamp(time / 1000, UTC)
        if at.hour == at.minute == 0:
            of_day = rng.lognormvariate(0, busy)
        factor = of_day * (weekend if at.weekday() > 4 else 1) * (1 if 8 <= at.hour < 20 else night)
        amounts[time] = int(level * factor * rng.lognormvariate(0, noise))
    return amounts
