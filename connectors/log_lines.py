"""Log lines of every process: one an event, with the time in UTC, a human sentence, and what was done as ``action``.

As JSON, a line also has the organisation, the run and the trace that it is about. SIGUSR1 turns DEBUG on and off.

A line that has several, a traceback above all, is written with ``\\n`` in their place, so that a log collector
by line gets whole events.
"""

import json
import logging
import signal
import sys
import time
from collections.abc import Collection
from datetime import UTC, datetime

from connectors.log_context import log_context

#: A line that a library repeats while something is down is written once in this many seconds.
QUIET_S = 10.0
LIBRARIES = ("aiokafka", "faust", "mode")
_OURS = ("streams", "services", "connectors", "topics", "api", "deploy")


class LineFormatter(logging.Formatter):
    """``time level logger: sentence [action=…]``, on one line."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - the library's name
        """Return the time as RFC 3339 in UTC, with milliseconds."""
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        action = getattr(record, "action", None)
        line = super().format(record).replace("\n", "\\n")
        return f"{line} [action={action}]" if action else line


class JsonFormatter(LineFormatter):
    """One JSON object on one line: ``time``, ``level``, ``logger``, ``message``, and what else is known."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        found = {
            "time": self.formatTime(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "action": getattr(record, "action", None),
            **log_context().fields(),
            "error": self.formatException(record.exc_info) if record.exc_info else None,
        }
        # Not orjson, which refuses texts that are no UTF-8, and the line would be lost.
        return json.dumps({name: value for name, value in found.items() if value is not None}, default=str)


class NoRepeats(logging.Filter):
    """Lets a library's line through once in ``QUIET_S``: a client that retries ten times a second says it ten times."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to write the line."""
        if not record.name.startswith(LIBRARIES):
            return True
        key, now = (record.name, str(record.msg)), time.monotonic()
        if now - self._said.get(key, -QUIET_S) < QUIET_S:
            return False
        self._said[key] = now
        return True


def set_up(level: str = "INFO", form: str = "text", *, quiet: Collection[str] = ()) -> None:
    """Write our log lines to stderr; libraries write from WARNING up, and those that are ``quiet`` from ERROR up.

    Faust and aiokafka build a log record on every send when their loggers are at DEBUG, so they never are.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else LineFormatter())
    handler.addFilter(NoRepeats())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    _set_level(level)
    for library in (*LIBRARIES, "streams.runtime.consumer.transport"):
        logging.getLogger(library).setLevel(logging.WARNING)
    for name in quiet:
        logging.getLogger(name).setLevel(logging.ERROR)
    if hasattr(signal, "SIGUSR1"):  # Windows has none
        signal.signal(signal.SIGUSR1, lambda *_: _switch(level))


def _set_level(level: str) -> None:
    for package in _OURS:
        logging.getLogger(package).setLevel(level)


def _switch(level: str) -> None:
    """Turn DEBUG on; if it is on, go back to the level of the settings."""
    ours = logging.getLogger("connectors")
    _set_level(level if ours.level == logging.DEBUG else "DEBUG")
    ours.warning("log level is %s now", logging.getLevelName(ours.level), extra={"action": "log_level"})
