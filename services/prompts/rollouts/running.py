"""The deployments that run, by organisation, as of a moment ago: every submission asks.

While PostgreSQL does not answer, what was known before holds: a submission needs nothing else of it.
"""

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from cachetools import LRUCache

from connectors.aio.batching import SingleFlight
from schemas.errors import Unavailable
from schemas.rollouts.deployment import Deployment

#: A rollout that begins, and each of its steps, counts for new runs within this time.
FRESH_S = 0.5
#: After a question without an answer, so that a database that hangs delays few submissions.
FAILED_FOR_S = 5.0
MAX_ORGANISATIONS = 1_000

_Known = tuple[tuple[Deployment, ...], float]


class Source(Protocol):
    """Where deployments are, see ``connectors.postgres.prompts.deployments``."""

    async def running(self, org_id: str | None = None) -> Sequence[Deployment]:
        """Return the deployments of an organisation that run. Raises ``Unavailable``."""
        ...


class RunningDeployments:
    """The deployments that run."""

    def __init__(self, source: Source, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._monotonic = monotonic
        self._known: LRUCache[str, _Known] = LRUCache(MAX_ORGANISATIONS)
        self._asking: SingleFlight[str, tuple[Deployment, ...]] = SingleFlight()

    async def of(self, org_id: str) -> tuple[Deployment, ...]:
        """Return an organisation's deployments that run; as they were known, if nobody answers."""
        known = self._known.get(org_id)
        if known is not None and self._monotonic() < known[1]:
            return known[0]
        return await self._asking.do(org_id, lambda: self._ask(org_id))

    async def _ask(self, org_id: str) -> tuple[Deployment, ...]:
        until = self._monotonic() + FRESH_S
        try:
            found = tuple(await self._source.running(org_id))
        except Unavailable:
            found = self._known.get(org_id, ((), 0.0))[0]
            until = self._monotonic() + FAILED_FOR_S
        self._known[org_id] = (found, until)
        return found
