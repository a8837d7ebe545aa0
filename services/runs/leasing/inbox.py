"""The leases that come for the workers that wait at this process, and which of them each one is for."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from connectors.aio.cancel import end
from connectors.redis.claims.lease_desk import LeaseDesk, Offer, new_inbox
from schemas.errors import Unavailable

log = logging.getLogger(__name__)

#: One look at the inbox. It also says that this process is alive.
LOOK_S = 1.0
#: A lease may be on its way to a worker that left a moment ago; it is returned then.
LINGER_S = 5.0


@dataclass(slots=True)
class Waiter:
    """A worker that waits. ``offers`` are its leases."""

    offers: list[Offer] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class LeaseInbox:
    """Reads the inbox while somebody waits. ``stray`` takes a lease whose worker is gone."""

    def __init__(self, desk: LeaseDesk, stray: Callable[[Offer], Awaitable[None]]) -> None:
        self.name = new_inbox()
        self._desk = desk
        self._stray = stray
        self._waiters: dict[str, Waiter] = {}
        self._task: asyncio.Task[None] | None = None
        self._last_s = 0.0

    def open(self, ask_id: str) -> Waiter:
        """Begin to wait."""
        waiter = self._waiters[ask_id] = Waiter()
        self._last_s = time.monotonic()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._read(), name="leases")
        return waiter

    def close(self, ask_id: str) -> None:
        """Wait no more."""
        self._waiters.pop(ask_id, None)
        self._last_s = time.monotonic()

    def end_waits(self) -> None:
        """Let everybody who waits have an answer now."""
        for waiter in self._waiters.values():
            waiter.changed.set()

    async def stop(self) -> None:
        """Read no more."""
        if self._task is not None:
            await end(self._task)

    async def _read(self) -> None:
        while self._waiters or time.monotonic() - self._last_s < LINGER_S:
            try:
                for offer in await self._desk.offers(self.name, LOOK_S):
                    await self._deliver(offer)
            except Unavailable as exc:
                log.warning("leases wait: %s", exc, extra={"action": "leases_wait"})
                await asyncio.sleep(exc.retry_after_s)

    async def _deliver(self, offer: Offer) -> None:
        waiter = self._waiters.get(offer.ask_id)
        if waiter is None:
            await self._stray(offer)
            return
        waiter.offers.append(offer)
        waiter.changed.set()
