from services.routing import latencies
from services.routing.latencies import LEAST, MOST_WINDOWS, WINDOW, Latencies, Window, quantile


def figures(known: Latencies) -> tuple[float, float]:
    window = known.measured("acme", "sum", "a/b")
    assert isinstance(window, Window)
    return window.mean_ms, window.quantile_ms(0.95)


def test_p95_is_known_once_enough_answers_came() -> None:
    known = Latencies()
    for number in range(1, 101):
        assert (known.measured("acme", "sum", "a/b") is None) == (number <= LEAST)
        known.add("acme", "sum", "a/b", float(number))
    assert figures(known) == (50.5, 95.0)
    assert known.measured("acme", "other", "a/b") is None
    assert known.means("acme", "sum", ["a/b", "a/c"]) == {"a/b": 50.5}


def test_only_the_last_answers_count() -> None:
    known = Latencies()
    for number in range(WINDOW * 2):
        known.add("acme", "sum", "a/b", 1.0 if number < WINDOW else 2.0)
    assert figures(known) == (2.0, 2.0)


def test_windows_that_were_not_used_for_long_are_forgotten() -> None:
    known = Latencies()
    for number in range(MOST_WINDOWS + 1):
        known.add("acme", f"p{number}", "a/b", 1.0)
    assert len(known._windows) == latencies.MOST_WINDOWS


def test_quantile_is_a_value_that_was_measured() -> None:
    assert [quantile([3.0, 1.0, 2.0], share) for share in (0.01, 0.5, 0.95)] == [1.0, 2.0, 3.0]
