"""Log lines: a human sentence, and what was done as ``action``."""

import logging
import sys


class ActionFormatter(logging.Formatter):
    """``time level logger: sentence [action=…]``."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        action = getattr(record, "action", None)
        line = super().format(record)
        return f"{line} [action={action}]" if action else line


def set_up(level: str = "INFO") -> None:
    """Write our log lines to stderr; libraries speak from WARNING up.

    Faust and aiokafka build a log record on every send when their loggers stand at DEBUG, so they never do.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(ActionFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for room in ("streams", "connectors", "topics", "api", "deploy"):
        logging.getLogger(room).setLevel(level)
    for library in ("aiokafka", "faust", "mode", "streams.runtime.transport"):
        logging.getLogger(library).setLevel(logging.WARNING)
