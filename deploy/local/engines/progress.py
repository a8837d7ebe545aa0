"""Progress messages: a long wait is never silent."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[str], None]
HEARTBEAT_S = 2.0  # interval of the messages during a wait


def silent(message: str) -> None:
    """A `Progress` that prints nothing."""


@contextmanager
def heartbeat(progress: Progress, what: str) -> Iterator[None]:
    """Report `what` now and every two seconds while the block runs. `progress` is then called from another thread."""
    done = threading.Event()
    started = time.monotonic()

    def beat() -> None:
        while not done.wait(HEARTBEAT_S):
            progress(f"{what} ({time.monotonic() - started:.0f} s)")

    progress(what)
    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
