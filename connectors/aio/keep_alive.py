"""Renews a lease or a hold while its work continues."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from connectors.aio.cancel import end
from connectors.ports.engine import Clock
from schemas.errors import Unavailable

log = logging.getLogger(__name__)


@asynccontextmanager
async def kept(renew: Callable[[], Awaitable[bool]], every_s: float, clock: Clock, what: str) -> AsyncIterator[None]:
    """Call ``renew`` every ``every_s`` seconds until the block ends, or until it returns ``False``.

    A failed renewal is only logged: the work continues, and its outcome counts in any case.
    """
    task = asyncio.create_task(_keep(renew, every_s, clock, what), name=f"keep {what}")
    try:
        yield
    finally:
        await end(task)


async def _keep(renew: Callable[[], Awaitable[bool]], every_s: float, clock: Clock, what: str) -> None:
    while True:
        await clock.sleep(every_s)
        try:
            if not await renew():
                log.warning(
                    "%s belongs to another process now; the work continues", what, extra={"action": "lease_lost"}
                )
                return
        except Unavailable as exc:
            log.warning("%s was not renewed: %s", what, exc, extra={"action": "lease_not_renewed"})
