"""The task that publishes definitions from PostgreSQL to their topic: at once, and again until it succeeds."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from connectors.kafka.deadline_appender import Appender
from connectors.ports.engine import OutRecord
from schemas.errors import TryLater

logger = logging.getLogger(__name__)

#: Interval of retries: for rows that another process left, or that the broker did not take.
INTERVAL_S = 5.0
#: Another process may hold the lock while it finds nothing, just before this one's row is there. A second look costs
#: one query, and keeps a change known within a second.
SECOND_LOOK_S = 0.2


class Outbox(Protocol):
    """The rows that wait to be published."""

    async def publish(self, append: Callable[[Sequence[OutRecord]], Awaitable[None]]) -> int:
        """Append one batch and mark it as published; return its size, 0 if nothing waits. Raises ``Unavailable``."""
        ...


class Publisher:
    """Publishes on ``wake``, and every ``interval_s``."""

    def __init__(self, what: str, outbox: Outbox, appender: Appender, interval_s: float = INTERVAL_S) -> None:
        self._what = what
        self._outbox = outbox
        self._appender = appender
        self._interval_s = interval_s
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Signal that something waits."""
        self._woken.set()

    async def run(self) -> None:
        """Publish until cancelled."""
        looks_again = False
        while True:
            self._woken.clear()
            try:
                while await self._outbox.publish(self._appender.append):
                    pass
            except TryLater as exc:
                logger.warning(
                    "%s wait for publication: %s", self._what, exc, extra={"action": f"publish_{self._what}_failed"}
                )
            looks_again = await self._wait(SECOND_LOOK_S if looks_again else self._interval_s)

    async def _wait(self, seconds: float) -> bool:
        """Wait for ``wake``; return false when the time has passed without."""
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return False
        return True
