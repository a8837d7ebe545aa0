"""Log lines: one an event, with a zone."""

import logging

from connectors.log_lines import LineFormatter


def line(message: str, error: Exception | None = None) -> str:
    record = logging.LogRecord("api.app", logging.INFO, "x.py", 1, message, (), None)
    record.created = 0.25
    record.action = "start"
    if error is not None:
        record.exc_info = (type(error), error, error.__traceback__)
    return LineFormatter().format(record)


def raised() -> ValueError:
    """Return an error with a traceback and a text of two lines."""
    try:
        int("first\nsecond")
    except ValueError as exc:
        return exc
    raise AssertionError("a text became a number")


def test_a_line_has_its_time_with_a_zone_and_its_action() -> None:
    assert line("it is up") == "1970-01-01T00:00:00.250Z INFO api.app: it is up [action=start]"


def test_an_event_of_several_lines_is_written_on_one() -> None:
    found = line("it failed", raised())
    assert "\n" not in found
    assert "Traceback (most recent call last):\\n" in found
    assert "ValueError: invalid literal" in found
