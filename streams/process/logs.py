"""Log lines: a human sentence, and what was done as ``action``."""

import logging
import sys
import time

#: A line that a library repeats while something is down is written once in this many seconds.
QUIET_S = 10.0
LIBRARIES = ("aiokafka", "faust", "mode")


class ActionFormatter(logging.Formatter):
    """``time level logger: sentence [action=…]``."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        action = getattr(record, "action", None)
        line = super().format(record)
        return f"{line} [action={action}]" if action else line


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


def set_up(level: str = "INFO") -> None:
    """Write our log lines to stderr; libraries speak from WARNING up.

    Faust and aiokafka build a log record on every send when their loggers stand at DEBUG, so they never do.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(ActionFormatter())
    handler.addFilter(NoRepeats())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for room in ("streams", "connectors", "topics", "api", "deploy"):
        logging.getLogger(room).setLevel(level)
    for library in (*LIBRARIES, "streams.runtime.consumer.transport"):
        logging.getLogger(library).setLevel(logging.WARNING)
