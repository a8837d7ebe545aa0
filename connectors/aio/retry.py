"""Retries while a dependency is down: with backoff, without end, and with nothing acked meanwhile."""

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from connectors.ports.engine import Clock
from schemas.errors import Unavailable

log = logging.getLogger(__name__)

_T = TypeVar("_T")

FIRST_WAIT_S = 0.05
#: Short enough that work resumes soon after the dependency answers again.
LONGEST_WAIT_S = 2.0


async def until_available(action: Callable[[], Awaitable[_T]], clock: Clock) -> _T:
    """Return the action's result, repeating it while it raises ``Unavailable``."""
    wait_s = FIRST_WAIT_S
    while True:
        try:
            return await action()
        except Unavailable as exc:
            log.warning("waiting %.2f s for %s", wait_s, exc, extra={"action": "wait_for_dependency"})
        await clock.sleep(wait_s)
        wait_s = min(wait_s * 2, LONGEST_WAIT_S)
