"""Tells which organisations' runs need admission: those with limits, and all of them if there is a pool."""

import time
from collections.abc import Callable, Set

from connectors.aio.batching import SingleFlight
from connectors.postgres.history.run_limits import RunLimits

#: Limits set in another process may be unknown for this long; one small query in this time is no load.
KNOWN_FOR_S = 1.0


class AdmissionRequired:
    """Knows the organisations with limits, ``KNOWN_FOR_S`` old at most. ``pool`` is the deployment's
    ``ADMISSION_POOL``.
    """

    def __init__(self, limits: RunLimits, pool: int = 0, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._pool = pool
        self._monotonic = monotonic
        self._until = 0.0
        self._limited: frozenset[str] = frozenset()
        self._asking: SingleFlight[None, frozenset[str]] = SingleFlight()

    async def of(self, org_ids: Set[str]) -> Set[str]:
        """Return the organisations, of the given ones, whose runs need admission. Raises ``Unavailable``."""
        if self._pool:
            return org_ids
        if self._until <= self._monotonic():
            return org_ids & await self._asking.do(None, self._ask)
        return org_ids & self._limited

    def forget(self) -> None:
        """Query again; called after limits were set in this process."""
        self._until = 0.0
        # A query in flight may return the earlier state: its answer is neither shared nor stored.
        self._asking = SingleFlight()

    async def _ask(self) -> frozenset[str]:
        asking, at = self._asking, self._monotonic()
        found = await self._limits.limited()
        if asking is self._asking:
            self._limited, self._until = found, at + KNOWN_FOR_S
        return found
