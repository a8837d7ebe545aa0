"""Breaking off calls in flight of runs that have ended.

Who ends a run says so on the bus, which may lose it: so this only saves time and money. A claim reads the run's status
anyway, and what an attempt of an ended run gives is billed and else ignored. If the run goes on after all, the broken
attempt is one that may be tried again.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from connectors.ports.engine import Clock
from schemas.errors import StepError
from schemas.records.steps import StepRequest

#: By then the fold has ended the run, and no claim of it is granted any more.
REMEMBER_MS = 10_000
MAX_REMEMBERED = 10_000


class Cancellations:
    """The calls in flight, by run."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._scopes: dict[str, set[asyncio.Timeout]] = {}
        self._ended: dict[str, int] = {}
        self.broken_off = 0

    def end(self, run_id: str) -> None:
        """Break off the calls of a run, and those that are about to begin. Call it in the event loop."""
        while len(self._ended) >= MAX_REMEMBERED:
            del self._ended[next(iter(self._ended))]
        self._ended.pop(run_id, None)
        self._ended[run_id] = self._clock.now_ms() + REMEMBER_MS
        for scope in self._scopes.get(run_id, ()):
            scope.reschedule(asyncio.get_running_loop().time())

    def check(self, request: StepRequest) -> None:
        """Raise a ``StepError`` ``canceled`` if the run has just ended."""
        if not request.compensation and self._has_ended(request.run_id):
            raise StepError("canceled", "the run has ended; nothing was called", retryable=True)

    @asynccontextmanager
    async def breakable(self, request: StepRequest) -> AsyncIterator[None]:
        """Let the body be broken off by its run's end. Raises a ``StepError`` ``canceled`` then.

        Its ``outcome`` is unknown when the body had begun.
        """
        if request.compensation:
            yield
            return
        self.check(request)
        run_id = request.run_id
        scopes = self._scopes.setdefault(run_id, set())
        scope = asyncio.timeout(None)
        try:
            async with scope:
                scopes.add(scope)
                yield
        except TimeoutError as exc:
            if not scope.expired():
                raise
            self.broken_off += 1
            raise StepError(
                "canceled",
                "the run has ended; the call was broken off, and nobody knows whether it was done",
                retryable=True,
                details={"outcome": "unknown"},
            ) from exc
        finally:
            scopes.discard(scope)
            if not scopes:
                self._scopes.pop(run_id, None)

    def _has_ended(self, run_id: str) -> bool:
        until_ms = self._ended.get(run_id)
        if until_ms is None or self._clock.now_ms() < until_ms:
            return until_ms is not None
        del self._ended[run_id]
        return False
