"""Numbers and times in headers."""

from datetime import UTC, datetime

import pytest

from connectors.providers.header_values import duration_ms, number, until_ms

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "ms"), [("1s", 1_000), ("6m0s", 360_000), ("20ms", 20), ("2.5", 2_500), ("soon", None), (None, None)]
)
def test_durations(text: str | None, ms: float | None) -> None:
    assert duration_ms(text) == ms


def test_a_number_is_finite() -> None:
    assert [number(text) for text in ("1.5", "inf", "nan", "", None)] == [1.5, None, None, None, None]


def test_a_time_without_a_zone_is_in_utc() -> None:
    assert until_ms("2026-11-28T12:00:01", NOW) == until_ms("2026-11-28T12:00:01Z", NOW) == 1_000
    assert until_ms("tomorrow", NOW) is None
