"""Where a crash is tested: the numbered steps of a chunk, a take and a restore.

Live, ``no_crash`` is passed and costs a call. A test passes ``CrashAt``, which kills its own process with SIGKILL at
the n-th passing of a point, so that nothing at all is cleaned up.
"""

import os
import signal
from collections.abc import Callable

CrashPoint = Callable[[str], None]

LOADED = "loaded"
FOLDED = "folded"
EMITTED = "emitted"
COMMITTED = "committed"
WATERMARK = "watermark"
TAKEN = "taken"
RESTORING = "restoring"
RESTORED = "restored"
POINTS = (LOADED, FOLDED, EMITTED, COMMITTED, WATERMARK, TAKEN, RESTORING, RESTORED)


def no_crash(_point: str) -> None:
    """Go on."""


class CrashAt:
    """Kills the process at the ``nth`` passing of ``point``. Written ``point:nth``, e.g. ``emitted:3``."""

    def __init__(self, spec: str) -> None:
        self._point, _, nth = spec.partition(":")
        self._left = int(nth or 1)
        if self._point not in POINTS:
            raise ValueError(f"unknown crash point {self._point!r}; it is one of {', '.join(POINTS)}")

    def __call__(self, point: str) -> None:
        """Pass a point."""
        if point != self._point:
            return
        self._left -= 1
        if self._left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
