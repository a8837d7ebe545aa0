"""Breaking off calls in flight whose run, or whatever else asked for them, has ended.

The end of a run is published on the bus, which may lose it: so this only saves time and money. A claim reads the run's
status anyway, and the result of an attempt of an ended run is billed and otherwise ignored. If the run continues after
all, the attempt that was broken off may be tried again.

A call has a *cancel key*: the id of the run, or of whatever else ends it. Work without a key is never broken off.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from connectors.ports.engine import Clock
from schemas.errors import StepError

#: By then the fold has ended a run that is broken off, and grants no claim of it any more.
REMEMBER_MS = 10_000
MAX_REMEMBERED = 10_000
ENDED = "the run or request behind it has ended"


class Cancellations:
    """The calls in flight, by cancel key."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._scopes: dict[str, set[asyncio.Timeout]] = {}
        self._ended: dict[str, tuple[int, str]] = {}
        self.broken_off = 0

    def end(self, key: str, why: str = ENDED) -> None:
        """Break off the calls with a key, and those that are about to begin. Call it in the event loop."""
        while len(self._ended) >= MAX_REMEMBERED:
            del self._ended[next(iter(self._ended))]
        self._ended.pop(key, None)
        self._ended[key] = self._clock.now_ms() + REMEMBER_MS, why
        for scope in self._scopes.get(key, ()):
            scope.reschedule(asyncio.get_running_loop().time())

    def check(self, key: str | None) -> None:
        """Raise a ``StepError`` ``canceled`` if what the key names has just ended."""
        why = None if key is None else self._why_ended(key)
        if why is not None:
            raise StepError("canceled", f"{why}; nothing was called", retryable=True)

    @asynccontextmanager
    async def breakable(self, key: str | None) -> AsyncIterator[None]:
        """Let the body be broken off by the end of what the key names. Raises a ``StepError`` ``canceled`` then.

        Its ``outcome`` is unknown when the body had begun.
        """
        if key is None:
            yield
            return
        self.check(key)
        scopes = self._scopes.setdefault(key, set())
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
                f"{self._why_ended(key) or ENDED}; the call was broken off, and its outcome is unknown",
                retryable=True,
                details={"outcome": "unknown"},
            ) from exc
        finally:
            scopes.discard(scope)
            if not scopes:
                self._scopes.pop(key, None)

    def forget(self, key: str) -> None:
        """Say that nothing with a key will begin any more."""
        self._ended.pop(key, None)

    def _why_ended(self, key: str) -> str | None:
        until_ms, why = self._ended.get(key, (0, ""))
        if self._clock.now_ms() < until_ms:
            return why
        self._ended.pop(key, None)
        return None
