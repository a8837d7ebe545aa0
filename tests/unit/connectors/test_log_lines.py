"""Log lines: one an event, with a zone."""

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys

import pytest

from connectors.log_context import log_for
from connectors.log_lines import JsonFormatter, LineFormatter
from schemas.ids import trace_id

RUN = "0a1b2c3d-0000-5000-8000-000000000001"


def line(message: str, error: Exception | None = None, formatter: logging.Formatter | None = None) -> str:
    record = logging.LogRecord("api.app", logging.INFO, "x.py", 1, message, (), None)
    record.created = 0.25
    record.action = "start"
    if error is not None:
        record.exc_info = (type(error), error, error.__traceback__)
    return (formatter or LineFormatter()).format(record)


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


def json_line(message: str, error: Exception | None = None) -> dict[str, str]:
    text = line(message, error, JsonFormatter())
    assert "\n" not in text
    found: dict[str, str] = json.loads(text)
    return found


def test_a_json_line_has_the_event_and_no_empty_fields() -> None:
    assert json_line("it is up") == {
        "time": "1970-01-01T00:00:00.250Z",
        "level": "info",
        "logger": "api.app",
        "message": "it is up",
        "action": "start",
    }


def test_a_json_line_has_the_traceback_as_a_field() -> None:
    assert json_line("it failed", raised())["error"].startswith("Traceback (most recent call last):\n")


async def test_a_json_line_says_whose_work_its_task_does() -> None:
    async def work(org_id: str, *about: str) -> dict[str, str]:
        log_for(org_id, *about)
        await asyncio.sleep(0)
        return json_line("it works")

    parent = f"00-{'ab' * 16}-{'cd' * 8}-01"
    of_run, of_request = await asyncio.gather(work("acme", RUN), work("other", "", parent))
    assert (of_run["org_id"], of_run["run_id"], of_run["trace_id"]) == ("acme", RUN, trace_id(RUN))
    assert (of_request["org_id"], of_request["trace_id"], "run_id" in of_request) == ("other", "ab" * 16, False)
    assert "trace_id" not in await asyncio.create_task(work("acme", "", "no trace context"))
    assert "org_id" not in json_line("it is nobody's")


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="this system has no SIGUSR1")
def test_a_signal_turns_debug_on_and_off() -> None:
    program = (
        "import logging, sys; from connectors import log_lines; log_lines.set_up('INFO', 'json')\n"
        "log = logging.getLogger('streams.x'); log.info('ready')\n"
        "for line in sys.stdin: log.debug('heard %s', line.strip())\n"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-u", "-c", program], stdin=pipe, stderr=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stderr is not None

        def heard() -> str:
            assert process.stderr is not None
            message: str = json.loads(process.stderr.readline())["message"]
            return message

        messages = [heard()]
        os.kill(process.pid, signal.SIGUSR1)
        messages.append(heard())
        process.stdin.write("1\n")
        process.stdin.flush()
        messages.append(heard())
        os.kill(process.pid, signal.SIGUSR1)
        messages.append(heard())
        process.stdin.write("2\n")
        process.stdin.close()
        assert process.stderr.read() == ""
    assert messages == ["ready", "log level is DEBUG now", "heard 1", "log level is INFO now"]


def test_a_json_line_is_written_whatever_its_texts_are() -> None:
    found = json_line("a lone surrogate \ud83d in a text")
    assert found["message"] == "a lone surrogate \ud83d in a text"
    record = logging.LogRecord("api.app", logging.INFO, "x.py", 1, "it is up", (), None)
    record.action = RUN.encode()
    assert json.loads(JsonFormatter().format(record))["action"] == str(RUN.encode())
