"""The wall clock as a port."""

import asyncio
import time
from contextlib import suppress


class WallClock:
    """Real time."""

    def now_ms(self) -> int:
        """Return milliseconds since the Unix epoch."""
        return time.time_ns() // 1_000_000

    async def sleep(self, seconds: float) -> None:
        """Return after ``seconds``."""
        await asyncio.sleep(seconds)

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        """Return when the event is set, or after ``seconds``."""
        with suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), seconds)
