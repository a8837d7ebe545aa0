"""One process under supervision: launched when it may be, named when it dies, and launched again after a pause."""

import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from deploy.local.engines.errors import EngineError

#: So many deaths of one process within this time end everything: it would only die again.
MOST_DEATHS, WINDOW_S = 5, 60.0
#: The pauses before the first start after a death, the second, and so on.
PAUSES_S = (0.3, 0.6, 1.2, 2.4)
#: A wrong setting; it ends every start alike. See ``streams.process.exit_codes``.
CONFIG = 78
LINES_OF_A_CRASH = 15
#: A signal from outside leaves no reason in the log; a few lines still show what the process was doing.
LINES_OF_A_KILL = 5


class Launched(Protocol):
    """A process that can be started again: an engine or roles."""

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""

    @property
    def returncode(self) -> int | None:
        """How it ended, negative for a signal."""

    log_path: Path

    def launch(self) -> None:
        """Start it in the calling thread, without waiting."""

    def kill(self) -> None:
        """End it with SIGKILL."""

    def log_tail(self, lines: int) -> str:
        """The last lines of its log since its last start."""


@dataclass(frozen=True, slots=True)
class Death:
    """How a process ended. ``lines`` are the last of its log since its own start; ``recent`` counts the last minute."""

    name: str
    code: int
    lines: str
    log_path: Path
    pause_s: float
    recent: int

    @property
    def last(self) -> bool:
        """Return true if it died too often to be started again, or of a wrong setting."""
        return self.recent >= MOST_DEATHS or self.code == CONFIG

    def __str__(self) -> str:
        """Name the process, the cause, the next action and the log."""
        lines = "".join(f"\n  {line}" for line in self.lines.splitlines())
        said = f"; the last lines since its start:{lines}" if lines else " and has no line since its start"
        return f"{self.name} {how(self.code)}; {self._follows}. Its log is {self.log_path}{said}"

    @property
    def _follows(self) -> str:
        if self.code == CONFIG:
            return "a setting is wrong, so everything stops"
        if self.last:
            return f"its death number {self.recent} within {WINDOW_S:.0f} s, so everything stops"
        return f"it starts again in {self.pause_s:g} s"


def how(code: int) -> str:
    """Return how a process ended, in words."""
    if code >= 0:
        return f"ended with exit code {code}"
    with suppress(ValueError):
        return f"was killed by signal {-code} ({signal.Signals(-code).name})"
    return f"was killed by signal {-code}"


class Watched:
    """Call ``look`` often, from the thread that launches: on Linux a child ends with the thread that started it.

    ``wait_ready`` blocks until the process serves, or raises ``EngineError``; it runs in a thread of its own.
    """

    def __init__(
        self, name: str, process: Launched, wait_ready: Callable[[], object], may_launch: Callable[[], bool]
    ) -> None:
        self.name = name
        self.process = process
        self.enabled = False
        self._wait_ready = wait_ready
        self._may_launch = may_launch
        self._launched = False
        self._replacing = False
        self._ready = threading.Event()
        self._due = 0.0
        self._deaths: list[float] = []

    @property
    def serves(self) -> bool:
        """Return true if it runs and has reported that it serves."""
        up = self._launched and self._ready.is_set() and self.process.pid is not None
        return up and not self._replacing

    def look(self, now: float) -> Death | None:
        """Launch it when that is due; return its death if it has ended since the last call."""
        if self._launched and self.process.pid is None:
            return self._ended(now)
        if self.enabled and not self._launched and now >= self._due and self._may_launch():
            self._launch()
        return None

    def expect_end(self) -> None:
        """Take its next end as wanted: it is launched again at once."""
        self._replacing = self._launched

    def _launch(self) -> None:
        self._launched, self._ready = True, threading.Event()
        self.process.launch()
        threading.Thread(target=self._await_ready, args=(self._ready,), daemon=True).start()

    def _await_ready(self, ready: threading.Event) -> None:
        try:
            self._wait_ready()
        except EngineError:
            if self._ready is ready:  # it takes too long; its end is reported where it is looked at
                self.process.kill()
            return
        ready.set()

    def _ended(self, now: float) -> Death | None:
        self._launched = False
        if self._replacing:
            self._replacing, self._due = False, now
            return None
        self._deaths = [*(then for then in self._deaths if then > now - WINDOW_S), now]
        recent, code = len(self._deaths), self.process.returncode or 0
        pause_s = PAUSES_S[min(recent, len(PAUSES_S)) - 1]
        self._due = now + pause_s
        lines = self.process.log_tail(LINES_OF_A_KILL if code < 0 else LINES_OF_A_CRASH)
        return Death(self.name, code, lines, self.process.log_path, pause_s, recent)
