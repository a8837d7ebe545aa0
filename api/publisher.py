"""The task that brings definitions from the outbox to their topic: at once, and again until it worked."""

import asyncio
import logging

from connectors.appender import Appender
from connectors.postgres.outbox import BATCH, Outbox
from schemas.errors import TryLater

logger = logging.getLogger(__name__)

#: What another process left behind, or what the broker did not take, is tried again this often.
INTERVAL_S = 5.0


class Publisher:
    """Publishes on ``wake``, and every ``interval_s``."""

    def __init__(self, outbox: Outbox, appender: Appender, interval_s: float = INTERVAL_S) -> None:
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
                while await self._outbox.publish(self._appender.append) == BATCH:
                    pass
            except TryLater as exc:
                logger.warning("definitions wait: %s", exc, extra={"action": "publish_definitions_failed"})
            try:
                async with asyncio.timeout(self._interval_s):
                    await self._woken.wait()
            except TimeoutError:
                continue
