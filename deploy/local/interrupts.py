"""Ctrl-C and the signals that end the command like it, as a count: none of them interrupts a line of code."""

import signal
import threading
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Counts the signals from its making on."""

    def __init__(self) -> None:
        self.count = 0
        self._asked = threading.Event()
        for sign in SIGNALS:
            signal.signal(sign, self._note)

    def wait(self, seconds: float) -> bool:
        """Wait so long, or until a signal; return whether one has come."""
        return self._asked.wait(seconds)

    def _note(self, _signal: int, _frame: FrameType | None) -> None:
        self.count += 1
        self._asked.set()
