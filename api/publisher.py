"""The task that brings what is defined from PostgreSQL to its topic: at once, and again until it worked."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from connectors.kafka.deadline_appender import Appender
from connectors.ports.engine import OutRecord
from schemas.errors import TryLater

logger = logging.getLogger(__name__)

#: What another process left behind, or what the broker did not take, is tried again this often.
INTERVAL_S = 5.0


class Outbox(Protocol):
    """What waits to be published."""

    async def publish(self, append: Callable[[Sequence[OutRecord]], Awaitable[None]]) -> int:
        """Append one batch and note that; return its size, 0 when nothing waits. Raises ``Unavailable``."""
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
        """Say that something waits."""
        self._woken.set()

    async def run(self) -> None:
        """Publish until cancelled."""
        while True:
            self._woken.clear()
            try:
                while await self._outbox.publish(self._appender.append):
                    pass
            except TryLater as exc:
                logger.warning("%s wait: %s", self._what, exc, extra={"action": f"publish_{self._what}_failed"})
            try:
                async with asyncio.timeout(self._interval_s):
                    await self._woken.wait()
            except TimeoutError:
                continue
