"""Where a crash is tested: the numbered steps of a chunk, a take and a restore.

Live, ``no_crash`` is passed and costs a call. A test passes ``CrashAt``, which kills its own process with SIGKILL at
the n-th passing of a point, so that nothing at all is cleaned up, or stops it there with SIGSTOP: a zombie that the
test wakes when others have taken what was its own.
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
CHECKPOINTING = "checkpointing"
CHECKPOINTED = "checkpointed"
POINTS = (LOADED, FOLDED, EMITTED, COMMITTED, WATERMARK, TAKEN, RESTORING, RESTORED, CHECKPOINTING, CHECKPOINTED)


def no_crash(_point: str) -> None:
    """Go on."""


SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


class CrashAt:
    """Kills or stops the process at the ``nth`` passing of ``point``, once.

    Written ``point:nth:how``, e.g. ``emitted:3`` or ``folded:1:stop``; ``how`` is ``kill`` unless it is said.
    """

    def __init__(self, spec: str) -> None:
        self._point, nth, how = [*spec.split(":"), "", ""][:3]
        self._left = int(nth or 1)
        if self._point not in POINTS:
            raise ValueError(f"unknown crash point {self._point!r}; it is one of {', '.join(POINTS)}")
        if (how or "kill") not in SIGNALS:
            raise ValueError(f"unknown way to crash {how!r}; it is one of {', '.join(SIGNALS)}")
        self._signal = SIGNALS[how or "kill"]

    def __call__(self, point: str) -> None:
        """Pass a point."""
        if point != self._point:
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), self._signal)
