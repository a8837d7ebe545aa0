"""One call in flight for all that ask the same at once, over all processes.

1. The first who finds no answer takes the lease of the flight, and makes the call. It renews the lease meanwhile.
2. The others look again after pauses that grow with the time that they have waited. They hold neither money nor quota.
3. The leader stores the answer, which ends the flight; the others find it.
4. A leader that fails gives the lease back, one that dies lets it run out: another takes it and makes its own call.

Failures are not shared: one may be of the leader's own budget, cap or time limit. A flight costs a call at worst: while
the store is down, or when the wait was longer than the call's own time limit, everybody makes a call.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace

from connectors.aio.keep_alive import kept
from connectors.ports.engine import Clock
from connectors.redis.response_cache import Counted, Hit, Keep, Lead, Lookup
from schemas.errors import Unavailable
from services.caching.ports import AnswerStore

#: A pause is this share of the time waited so far, so a wait is at most so much longer than the call.
_SHARE = 0.2
_SHORTEST_S, _LONGEST_S = 0.005, 0.25
_FIRST: Counted = "exact"


@dataclass(slots=True)
class Flight:
    """A call that others may wait for. ``stale`` is an answer that will do if it fails."""

    look: Lookup
    began_ms: int
    stale: Hit | None
    ended: bool = False


class Flights:
    """Looks for answers and leads the calls that give them."""

    def __init__(self, store: AnswerStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def enter(self, look: Lookup, patience_s: float) -> Hit | Flight | None:
        """Return an answer, or the flight that the caller leads; ``None`` to make a call that nobody waits for."""
        began_ms, counted = self._clock.now_ms(), _FIRST
        while True:
            try:
                found = await self._store.take(look, counted=counted)
            except Unavailable:
                return None
            if isinstance(found, Hit):
                return found
            if isinstance(found, Lead):
                return Flight(look, found.began_ms, found.stale)
            waited_s = (self._clock.now_ms() - began_ms) / 1000
            if waited_s >= patience_s:
                return None
            await self._clock.sleep(min(max(waited_s * _SHARE, _SHORTEST_S), _LONGEST_S))
            counted = "shared"

    @asynccontextmanager
    async def leading(self, flight: Flight) -> AsyncIterator[None]:
        """Keep the lead while the block makes the call; one that stores no answer gives it back."""
        look, every_s = flight.look, self._store.lease_ms / 3000
        try:
            async with kept(lambda: self._store.renew(look), every_s, self._clock, f"the flight of {look.token}"):
                yield
        finally:
            if not flight.ended:
                with suppress(Unavailable):
                    await self._store.release(look)

    async def instead(self, flight: Flight, digest: str) -> Hit | None:
        """Return another answer that will do for the flight, which ends without one of its own."""
        other = replace(flight.look, digest=digest)
        try:
            found = await self._store.take(other, counted="semantic", may_lead=False)
            if not isinstance(found, Hit):
                return None
            await self._store.release(flight.look)
        except Unavailable:
            return None
        flight.ended = True
        return found

    def beside(self, flight: Flight, look: Lookup) -> Flight:
        """Return a flight that nobody waits for, by which the answer of another one is stored once more."""
        return Flight(look, flight.began_ms, None)

    async def land(self, flight: Flight, body: bytes, keep: Keep) -> None:
        """Store the answer, which ends the flight."""
        with suppress(Unavailable):
            await self._store.store(flight.look, flight.began_ms, body, keep)
            flight.ended = True
