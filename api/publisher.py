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
        while True:
            self._woken.clear()
            try:
                while await self._outbox.publish(self._appender.append):
                    pass
            except TryLater as exc:
                logger.warning(
                    "%s wait for publication: %s", self._what, exc, extra={"action": f"publish_{self._what}_failed"}
                )
            try:
                async with asyncio.timeout(self._interval_s):
                    await self._woken.wait()
            except TimeoutError:
                continue
