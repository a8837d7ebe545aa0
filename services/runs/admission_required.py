"""Whose runs wait for their turn: those of organisations that have limits, and everybody's where there is a pool."""

import time
from collections.abc import Callable, Set

from connectors.aio.batching import SingleFlight
from connectors.postgres.run_limits import RunLimits

#: How long limits that were set elsewhere may not be known; one small question in this time is no load.
KNOWN_FOR_S = 1.0


class Turns:
    """Knows who has limits, as of ``KNOWN_FOR_S`` ago at most. ``pool`` is the deployment's ``ADMISSION_POOL``."""

    def __init__(self, limits: RunLimits, pool: int = 0, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._pool = pool
        self._monotonic = monotonic
        self._until = 0.0
        self._limited: frozenset[str] = frozenset()
        self._asking: SingleFlight[None, frozenset[str]] = SingleFlight()

    async def of(self, org_ids: Set[str]) -> Set[str]:
        """Return those of some organisations whose runs wait for their turn. Raises ``Unavailable``."""
        if self._pool:
            return org_ids
        if self._until <= self._monotonic():
            return org_ids & await self._asking.do(None, self._ask)
        return org_ids & self._limited

    def forget(self) -> None:
        """Ask again; called after limits were set here."""
        self._until = 0.0
        # What is being asked at this moment may be the answer of before: it is neither shared nor kept.
        self._asking = SingleFlight()

    async def _ask(self) -> frozenset[str]:
        asking, at = self._asking, self._monotonic()
        found = await self._limits.limited()
        if asking is self._asking:
            self._limited, self._until = found, at + KNOWN_FOR_S
        return found
