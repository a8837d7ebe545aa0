"""Figures of a soak: growth per run, flatness, limits, and what stays in the stores."""

import pytest

from bench.soak.figures import Reading, flatness, growth, highest, left_per_run, of_limit, settled, windows


def readings(per_run_kb: float, *, jump_mb: float = 0.0) -> list[Reading]:
    """Readings of 30 minutes; memory jumps in the first minutes, then grows. Files are a third of what is resident."""
    held = [{"worker": 100 + (jump_mb if n > 2 else 0) + per_run_kb * n} for n in range(31)]
    return [Reading(60.0 * n, 1_000 * n, {"worker": 1.5 * one["worker"]}, one) for n, one in enumerate(held)]


def test_growth_is_that_of_the_second_half_without_files() -> None:
    assert growth(readings(0.02, jump_mb=80))["worker"] == pytest.approx(0.02)
    assert growth(readings(0.2))["worker"] == pytest.approx(0.2)


def test_readings_of_the_first_half_do_not_count() -> None:
    assert settled(readings(0.0))[0].at_s == 900
    assert settled([]) == []


def test_process_that_is_not_always_there_has_no_growth() -> None:
    late = [Reading(at, at, {}, {"a": 1.0, "b": 1.0} if at == 3 else {"a": 1.0}) for at in range(5)]
    assert set(growth(late)) == {"a"}


def test_highest_memory_is_compared_with_the_limit() -> None:
    peaks = highest(readings(1.0))
    assert peaks == {"worker": 195.0}
    assert of_limit(peaks, {"worker": 390_000_000, "api": 1}) == {"worker": 50.0}


def test_p99_of_windows_leaves_out_the_first_and_the_last() -> None:
    took = [(60.0 * minute + second, 10.0 * (minute + 1)) for minute in range(4) for second in range(60)]
    assert windows(took) == [20.0, 30.0]


def test_flat_is_one_and_slower_is_more() -> None:
    assert flatness([10, 11, 10, 10, 11, 10]) == pytest.approx(1.0)
    assert flatness([10, 10, 10, 15, 20, 20]) == 2.0


def test_one_slow_minute_does_not_count() -> None:
    assert flatness([10, 10, 10, 10, 10, 10, 10, 500, 10]) == 1.0


def test_what_stays_is_counted_per_run() -> None:
    assert left_per_run({"redis": 100.0}, {"redis": 150.0, "log": 10.0}, 1_000) == {"redis": 0.05, "log": 0.01}
