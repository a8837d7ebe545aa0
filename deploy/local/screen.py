"""The output of ``make run``: progress for people at a terminal, and only what matters on a pipe."""

import sys
from contextlib import suppress
from pathlib import Path

SHOW_CURSOR = "\x1b[?25h"


class Screen:
    """Writes lines. On a pipe progress is left out and warnings go to standard error, so the address comes last."""

    def __init__(self, *, terminal: bool | None = None) -> None:
        self.terminal = sys.stdout.isatty() if terminal is None else terminal
        self._closed = False

    def progress(self, message: str) -> None:
        """Say what happens; for terminals only."""
        if self.terminal:
            self._write(message)

    def say(self, message: str) -> None:
        """Write the requested output."""
        self._write(message)

    def warn(self, message: str) -> None:
        """Write what somebody should know: a death, a failed sample."""
        self._write(message, error=not self.terminal)

    def close(self) -> None:
        """Write nothing more, whatever threads still run; a table that was cut short leaves its cursor hidden."""
        self._closed = True
        if self.terminal:
            with suppress(OSError):
                sys.stdout.write(SHOW_CURSOR)
                sys.stdout.flush()

    def _write(self, message: str, *, error: bool = False) -> None:
        if self._closed:
            return
        # A closed terminal or pipe must not end what it showed.
        with suppress(OSError):
            print(message, file=sys.stderr if error else sys.stdout, flush=True)


def shown(path: Path) -> Path:
    """Return a path as people at this place would write it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
