"""Forecasts: what they expect of plain spends, how often the interval holds, and where there is none."""

from datetime import UTC, datetime

import pytest

from bench.budgets.spends import covered
from schemas.windows import Period, Windows
from services.budgets.forecast import LEAST_SLOTS, forecast, looked_at_from, slot_windows

HOUR, DAY = 3_600_000, 86_400_000
NOON = int(datetime(2026, 11, 16, 12, tzinfo=UTC).timestamp() * 1000)  # a Monday


def even(since_ms: int, until_ms: int, amount: int, step_ms: int = HOUR) -> dict[int, int]:
    return dict.fromkeys(range(since_ms, until_ms, step_ms), amount)


@pytest.mark.parametrize(
    ("period", "spent", "ends"), [("day", 120, 240), ("week", 120, 7 * 240), ("month", 3_720, 7_200)]
)
def test_an_even_spend_goes_on(period: Period, spent: int, ends: int) -> None:
    found = forecast(Windows(period), spent, even(NOON - 40 * DAY - 12 * HOUR, NOON, 10), NOON)
    assert found is not None
    assert found.low_nano is not None
    assert found.high_nano is not None
    assert found.expected_nano == pytest.approx(ends, rel=0.01)
    assert found.low_nano <= found.expected_nano <= found.high_nano
    assert found.high_nano - found.low_nano < ends / 20


def test_a_quiet_weekend_is_expected() -> None:
    past = {at: 100 for at in even(NOON - 56 * DAY, NOON, 0) if datetime.fromtimestamp(at / 1000, UTC).weekday() < 5}
    found = forecast(Windows("week"), 1_200, past, NOON)
    assert found is not None
    assert found.expected_nano == pytest.approx(5 * 2_400, rel=0.05)


def test_a_short_past_gives_no_bounds_and_none_at_all_expects_what_is_spent() -> None:
    few = forecast(Windows("month"), 70, even(NOON - (LEAST_SLOTS - 2) * DAY, NOON, 10), NOON)
    assert few is not None
    assert (few.low_nano, few.high_nano) == (None, None)
    assert few.expected_nano > 70
    nothing = forecast(Windows("month"), 70, {}, NOON)
    assert nothing is not None
    assert (nothing.expected_nano, nothing.past_slots) == (70, 0)


@pytest.mark.parametrize("windows", [Windows("total"), Windows("minute"), Windows("day", sliding=True)])
def test_a_window_that_has_no_end_or_no_slots_has_no_forecast(windows: Windows) -> None:
    assert slot_windows(windows) is None
    assert forecast(windows, 5, {NOON: 5}, NOON) is None


def test_as_much_of_the_past_is_asked_for_as_is_used() -> None:
    slots = slot_windows(Windows("month"))
    assert slots is not None
    assert looked_at_from(slots, NOON) == NOON - NOON % DAY - 56 * DAY


def test_the_interval_holds_in_about_eighty_of_a_hundred_cases() -> None:
    hits, forecasts = covered(48)
    assert forecasts == 48
    assert 30 <= hits <= 47
