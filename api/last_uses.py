"""When keys were last used: noted at most once a minute a key, and written together for all of them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from cachetools import LRUCache

from schemas.errors import TryLater

#: A key's time is not more exact than this.
NOTE_MS = 60_000
WRITE_EVERY_S = 5.0
_MOST = 10_000


class LastUses:
    """The last uses that one process saw. ``write`` stores times in ms by key and may raise ``TryLater``."""

    def __init__(self, write: Callable[[Mapping[str, int]], Awaitable[None]], now_ms: Callable[[], int]) -> None:
        self._write = write
        self._now_ms = now_ms
        self._noted: LRUCache[str, int] = LRUCache(_MOST)
        self._unwritten: dict[str, int] = {}

    def note(self, key_id: str) -> None:
        """Note that a key is used now."""
        now = self._now_ms()
        if now - self._noted.get(key_id, -NOTE_MS) >= NOTE_MS:
            self._noted[key_id] = self._unwritten[key_id] = now

    async def flush(self) -> None:
        """Write what was noted. When the store does not answer, it is written the next time."""
        noted, self._unwritten = self._unwritten, {}
        if not noted:
            return
        try:
            await self._write(noted)
        except TryLater:
            self._unwritten = noted | self._unwritten

    async def run(self) -> None:
        """Write now and then, until cancelled."""
        while True:
            await asyncio.sleep(WRITE_EVERY_S)
            await self.flush()
