"""Pushes seconds to a target that may be slow, refuse them, or be gone: nobody waits for it.

Each second's lines go into a buffer with a bound; what does not fit drops the oldest. One push is in flight at a time,
with all that waits, and a target that does not answer is asked again after a pause that doubles up to ``PAUSE_MOST_S``.
"""

import asyncio
import logging
from collections import deque
from typing import NamedTuple, Protocol

from connectors.ports.engine import Clock
from schemas.errors import Rejected, Unavailable
from services.observability.live_cost.lines import lines_of
from services.observability.live_cost.sums import LiveCost, Row

log = logging.getLogger(__name__)

EVERY_S = 1.0
PAUSE_MOST_S = 30.0
#: A minute of all spenders' lines, some 2 MB.
MOST_LINES = 12_000


class Target(Protocol):
    """Where lines go; ``connectors.grafana.live.GrafanaLive`` is one."""

    async def push(self, body: bytes) -> None:
        """Send lines. Raises ``Unavailable``: again later; ``Rejected``: never again."""
        ...


class Counts(Protocol):
    """What is counted of pushes."""

    def held(self, rows: tuple[Row, ...]) -> None:
        """Show what is held now."""
        ...

    def pushed(self, outcome: str) -> None:
        """Count a push: ``ok``, ``refused`` or ``failed``."""
        ...

    def dropped(self, lines: int) -> None:
        """Count lines that will not be pushed."""
        ...

    def lag(self, seconds: float) -> None:
        """Observe how long a settlement took from the log to the target."""
        ...


class _Waiting(NamedTuple):
    line: str
    oldest_ms: int | None


class Pusher:
    """Takes a second each second. Without a target it only shows what is held."""

    def __init__(
        self, sums: LiveCost, target: Target | None, counts: Counts, clock: Clock, most_lines: int = MOST_LINES
    ) -> None:
        self._sums = sums
        self._target = target
        self._counts = counts
        self._clock = clock
        self._most = most_lines
        self._waiting: deque[_Waiting] = deque()
        self._pause_s = 0.0
        self._next_s = 0.0
        self._refusal = ""
        self._push: asyncio.Task[None] | None = None
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to tick."""
        self._loop = asyncio.create_task(self._run(), name="live-cost")

    async def stop(self) -> None:
        """End at once: what was not pushed is lost."""
        tasks = [task for task in (self._loop, self._push) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def tick(self, now_s: float) -> None:
        """Take the second that ends now, and begin a push if none is in flight and the pause is over."""
        now_ms = self._clock.now_ms()
        rows, oldest_ms = self._sums.take(now_ms)
        self._counts.held(rows)
        if self._target is None:
            return
        self._waiting.extend(_Waiting(line, oldest_ms) for line in lines_of(rows, now_ms))
        self._drop(len(self._waiting) - self._most)
        busy = self._push is not None and not self._push.done()
        if self._waiting and not busy and now_s >= self._next_s:
            self._push = asyncio.create_task(self._send(self._target, list(self._waiting)), name="live-cost-push")
            self._waiting.clear()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due = max(due + EVERY_S, loop.time())
            await asyncio.sleep(due - loop.time())
            self.tick(loop.time())

    async def _send(self, target: Target, waiting: list[_Waiting]) -> None:
        body = "".join(f"{one.line}\n" for one in waiting).encode()
        try:
            await target.push(body)
        except Unavailable as exc:
            self._failed(waiting, exc)
        except Rejected as exc:
            self._counts.pushed("refused")
            self._counts.dropped(len(waiting))
            if self._refusal != str(exc):
                log.warning("live cost is refused: %s", exc, extra={"action": "push_refused"})
            self._refusal = str(exc)
        else:
            self._pause_s, self._refusal = 0.0, ""
            self._counts.pushed("ok")
            oldest = [one.oldest_ms for one in waiting if one.oldest_ms is not None]
            if oldest:
                self._counts.lag(max(0, self._clock.now_ms() - min(oldest)) / 1000)

    def _failed(self, waiting: list[_Waiting], exc: Unavailable) -> None:
        if not self._pause_s:
            log.warning("live cost waits: %s", exc, extra={"action": "push_failed"})
        self._counts.pushed("failed")
        self._pause_s = min(PAUSE_MOST_S, 2 * self._pause_s or EVERY_S)
        self._next_s = asyncio.get_running_loop().time() + self._pause_s
        self._waiting.extendleft(reversed(waiting))
        self._drop(len(self._waiting) - self._most)

    def _drop(self, lines: int) -> None:
        for _ in range(lines):
            self._waiting.popleft()
        if lines > 0:
            self._counts.dropped(lines)
