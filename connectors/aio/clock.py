"""The wall clock as a port."""

import asyncio
from contextlib import suppress

from schemas.clock import now_ms


class WallClock:
    """Real time."""

    def now_ms(self) -> int:
        """Return milliseconds since the Unix epoch."""
        return now_ms()

    async def sleep(self, seconds: float) -> None:
        """Return after ``seconds``."""
        await asyncio.sleep(seconds)

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        """Return when the event is set, or after ``seconds``."""
        with suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), seconds)
