"""Waiting for a dependency that is down: with backoff, for as long as it takes, and nothing acked meanwhile."""

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from connectors.ports.engine import Clock
from schemas.errors import Unavailable

log = logging.getLogger(__name__)

_T = TypeVar("_T")

FIRST_WAIT_S = 0.05
#: Short enough that work goes on soon after the dependency is back.
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
