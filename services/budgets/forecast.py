"""What a budget's window will have spent at its end, with an interval that holds in 80 of 100 cases.

The rest of the window is cut into slots: days of weeks, months and quarters, hours of days, minutes of hours. A slot
is expected to spend what past slots of its season did (the day of the week, the hour of the day), scaled to the level
of the season's last round. Around that, slots differ as they did from what was expected of them: the variance of a
sum has a part for chance and a part for means that come from few slots; neighbours that move together widen it.

The hours of one day are busy or quiet together. So a day's rest is a line over what the day has spent so far, fitted
to the days before (least squares), with the interval of such a prediction.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt

from schemas.windows import LENGTHS_MS, Period, Windows

#: The 90th percentile of the normal distribution: 80 of 100 are between it and its opposite.
_Z = 1.2816
#: With fewer past slots there is no interval.
LEAST_SLOTS = 14
#: With fewer days no line is fitted.
LEAST_DAYS = 8
#: Slots of the past that are looked at, by the period of a slot, and how many make a season.
_LOOKED_AT: Mapping[Period, int] = {"day": 56, "hour": 28 * 24, "minute": 180}
_SEASONS: Mapping[Period, int] = {"day": 7, "hour": 24, "minute": 1}
_SLOTS: Mapping[Period, Period] = {
    "hour": "minute",
    "day": "hour",
    "week": "day",
    "month": "day",
    "quarter": "day",
}


@dataclass(frozen=True, slots=True)
class Forecast:
    """Nano-dollars at the window's end. ``low`` and ``high`` bound 80 of 100 cases; ``None`` with too short a past."""

    expected_nano: int
    low_nano: int | None
    high_nano: int | None
    past_slots: int


def slot_windows(windows: Windows) -> Windows | None:
    """Return the slots of a window; ``None`` of one that has no end, or is too short to be cut."""
    period = _SLOTS.get(windows.period)
    return None if period is None or windows.sliding else Windows(period, windows.zone)


def looked_at_from(slots: Windows, at_ms: int) -> int:
    """Return from when on the past is asked for."""
    return slots.start(at_ms - _LOOKED_AT[slots.period] * LENGTHS_MS[slots.period])


def slots_between(slots: Windows, first_ms: int, last_ms: int) -> list[int]:
    """Return the starts of the slots from the one of ``first_ms`` up to ``last_ms``, which is left out."""
    starts, at = [], slots.start(first_ms)
    while at < last_ms:
        starts.append(at)
        following = slots.next_start(at)
        assert following is not None
        at = following
    return starts


def forecast(windows: Windows, spent_nano: int, past: Mapping[int, int], at_ms: int) -> Forecast | None:
    """Return the forecast of the window of an instant. ``past`` is what was spent, by any times of their slots.

    ``None`` for a window without slots.
    """
    slots, ends_ms = slot_windows(windows), windows.next_start(at_ms)
    if slots is None or ends_ms is None:
        return None
    amounts: dict[int, int] = defaultdict(int)
    for time_ms, amount in past.items():
        amounts[slots.start(time_ms)] += amount
    now = slots.start(at_ms)
    known = [(start, amounts.get(start, 0)) for start in slots_between(slots, min(amounts, default=now), now)]
    left = slots_between(slots, at_ms, ends_ms)
    share = (left[0] + LENGTHS_MS[slots.period] - at_ms) / LENGTHS_MS[slots.period]
    weights = [max(0.0, min(1.0, share)), *([1.0] * (len(left) - 1))]
    remaining = list(zip(left, weights, strict=True))
    if slots.period == "hour" and len(known) >= LEAST_DAYS * _SEASONS["hour"]:
        return _by_days(spent_nano, known, remaining, windows.start(at_ms))
    return _forecast(spent_nano, known, remaining, slots)


def _forecast(
    spent: int, known: Sequence[tuple[int, int]], left: Sequence[tuple[int, float]], slots: Windows
) -> Forecast:
    season = _SEASONS[slots.period]
    if not known:
        return Forecast(spent, None, None, 0)
    means, level = _means(known, season, slots), _level(known, season)
    phases = [_phase(start, season, slots) for start, _ in left]
    expected = sum(weight * means[phase] for (_, weight), phase in zip(left, phases, strict=True)) * level
    if len(known) < LEAST_SLOTS:
        return Forecast(spent + round(expected), None, None, len(known))
    spread = sqrt(_variance(known, left, means, season, slots)) * level
    free = max(2, len(known) - len(means))
    reach = (_Z + (_Z**3 + _Z) / (4 * free)) * spread
    low, high = max(0.0, expected - reach), expected + reach
    return Forecast(spent + round(expected), spent + round(low), spent + round(high), len(known))


def _by_days(spent: int, known: Sequence[tuple[int, int]], left: Sequence[tuple[int, float]], today: int) -> Forecast:
    """Return the forecast of a day by the days before: the rest of each over what it had spent until this hour."""
    hours = dict(known)
    ahead = [(start - today, weight) for start, weight in left]
    begun, length = ahead[0], LENGTHS_MS["day"]
    days = [today - n * length for n in range(1, len(known) // 24 + 1) if today - n * length >= known[0][0]]
    rests = [sum(weight * hours.get(day + at, 0) for at, weight in ahead) for day in days]
    before = [at - today for at in hours if at >= today]
    first = [
        sum(hours.get(day + at, 0) for at in before) + (1 - begun[1]) * hours.get(day + begun[0], 0) for day in days
    ]
    expected, spread = _line(first, rests, float(spent))
    free = len(days) - 2
    reach = (_Z + (_Z**3 + _Z) / (4 * free)) * spread
    low, high = max(0.0, expected - reach), expected + reach
    return Forecast(spent + round(expected), spent + round(low), spent + round(high), len(known))


def _line(xs: Sequence[float], ys: Sequence[float], at: float) -> tuple[float, float]:
    """Return the prediction of a least-squares line at a place, never below 0, and its standard error."""
    count, mean_x, mean_y = len(xs), sum(xs) / len(xs), sum(ys) / len(ys)
    across = sum((x - mean_x) ** 2 for x in xs)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / across if across else 0.0
    slope = max(0.0, slope)
    off = sum((y - mean_y - slope * (x - mean_x)) ** 2 for x, y in zip(xs, ys, strict=True)) / max(1, count - 2)
    error = off * (1 + 1 / count + ((at - mean_x) ** 2 / across if across else 0.0))
    return max(0.0, mean_y + slope * (at - mean_x)), sqrt(error)


def _phase(start: int, season: int, slots: Windows) -> int:
    return (start // LENGTHS_MS[slots.period]) % season


def _means(known: Sequence[tuple[int, int]], season: int, slots: Windows) -> Mapping[int, float]:
    """Return what a slot spends by its place in the season; a place that was rarely seen has the mean of all."""
    found: dict[int, list[int]] = defaultdict(list)
    for start, amount in known:
        found[_phase(start, season, slots)].append(amount)
    overall = sum(amount for _, amount in known) / len(known)
    full = len(known) >= 2 * season
    by_phase = {phase: sum(of) / len(of) if full and len(of) > 1 else overall for phase, of in found.items()}
    return defaultdict(lambda: overall, by_phase) if full else defaultdict(lambda: overall)


def _level(known: Sequence[tuple[int, int]], season: int) -> float:
    """Return how much the last two seasons spend beside all, halfway: levels change, and two seasons are few."""
    last = [amount for _, amount in known[-2 * max(season, 7) :]]
    overall = sum(amount for _, amount in known) / len(known)
    return 1.0 if not overall else (1 + sum(last) / len(last) / overall) / 2


def _variance(
    known: Sequence[tuple[int, int]],
    left: Sequence[tuple[int, float]],
    means: Mapping[int, float],
    season: int,
    slots: Windows,
) -> float:
    """Return the variance of what the remaining slots spend together."""
    overall = sum(amount for _, amount in known) / len(known) or 1.0
    off = [(amount - (mean := means[_phase(start, season, slots)])) / (mean or overall) for start, amount in known]
    free = max(1, len(known) - (season if len(known) >= 2 * season else 1))
    relative = sum(one * one for one in off) / free
    together = sum(a * b for a, b in pairwise(off)) / max(1e-12, sum(one * one for one in off))
    # Neighbours that move together do so beyond chance only over what chance alone gives.
    moves = min(0.8, max(0.0, together - 1 / sqrt(len(off))))
    expected = [weight * means[_phase(start, season, slots)] for start, weight in left]
    seen = max(1.0, len(known) / season)
    by_phase: dict[int, float] = defaultdict(float)
    for (start, _), mean in zip(left, expected, strict=True):
        by_phase[_phase(start, season, slots)] += mean
    chance = sum(mean * mean for mean in expected)
    means_unsure = sum(mean * mean for mean in by_phase.values()) / seen
    return relative * (chance * (1 + moves) / (1 - moves) + means_unsure)
