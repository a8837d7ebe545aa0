"""What a process remembers of each organisation for a moment, so that calls do not read it one by one."""

import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from cachetools import LRUCache

from connectors.aio.batching import SingleFlight
from schemas.errors import Unavailable

T = TypeVar("T")

REMEMBER_S = 3.0
_MOST = 1_000


class Remembered(Generic[T]):
    """Reads by organisation; what was read is used for ``REMEMBER_S``, and longer while the store does not answer.

    So a change is known to every process within these seconds, without a restart.
    """

    def __init__(self, read: Callable[[str], Awaitable[T]], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._monotonic = monotonic
        self._reading: SingleFlight[str, T] = SingleFlight()
        self._known: LRUCache[str, tuple[float, T]] = LRUCache(_MOST)

    async def of(self, org_id: str) -> T:
        """Return what is stored. Raises ``Unavailable`` when it could never be read."""
        known = self._known.get(org_id)
        if known is not None and self._monotonic() - known[0] < REMEMBER_S:
            return known[1]
        return await self._reading.do(org_id, lambda: self._again(org_id))

    def forget(self, org_id: str) -> None:
        """Read it again at the next question."""
        self._known.pop(org_id, None)

    async def _again(self, org_id: str) -> T:
        began = self._monotonic()
        try:
            found = await self._read(org_id)
        except Unavailable:
            known = self._known.get(org_id)
            if known is None:
                raise
            found = known[1]
        self._known[org_id] = (began, found)
        return found
