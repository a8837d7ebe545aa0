"""The loop that delivers, for as long as its process runs."""

import asyncio
import logging

from connectors.ports.engine import Clock
from connectors.postgres.webhooks.deliveries import WebhookDeliveries
from schemas.errors import Unavailable
from services.webhooks.deliver import TOGETHER, Deliverer

log = logging.getLogger(__name__)

#: A new delivery of another process, or one that is due again, is found this soon; those of this process at once.
EVERY_S = 1.0
#: Deliveries that have ended are listed for so long.
KEPT_DAYS = 30
FORGET_EVERY_MS = 3_600_000


class DeliveryLoop:
    """Delivers until it is stopped. What is in flight then is sent again by another process."""

    def __init__(self, deliverer: Deliverer, deliveries: WebhookDeliveries, clock: Clock) -> None:
        self._deliverer = deliverer
        self._deliveries = deliveries
        self._clock = clock
        self._wake = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None
        self._forgot_ms = 0

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name="webhooks")

    def wake(self) -> None:
        """Look for deliveries at once."""
        self._wake.set()

    async def stop(self) -> None:
        """Let the requests in flight end."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            if await self._tick() < TOGETHER and not self._stopping:
                await self._clock.wait(self._wake, EVERY_S)

    async def _tick(self) -> int:
        try:
            tried = await self._deliverer.tick()
            if self._clock.now_ms() - self._forgot_ms > FORGET_EVERY_MS:
                await self._deliveries.forget(KEPT_DAYS)
                self._forgot_ms = self._clock.now_ms()
        except Unavailable as exc:
            log.warning("webhooks wait: %s", exc, extra={"action": "wait"})
            return 0
        except Exception:
            # One bad row must not end all deliveries; its claim ends, and it is tried again.
            log.exception("a delivery failed", extra={"action": "webhook_failed"})
            return 0
        return tried
