"""The publisher of definitions: at once when woken, and again soon after, since another process may hold the lock."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from api.publisher import SECOND_LOOK_S, Publisher
from connectors.ports.engine import OutRecord


class BusyOnce:
    """An outbox with one row, which another process locks when it is first asked after ``add``."""

    def __init__(self) -> None:
        self.looks = 0
        self._rows = 0
        self._busy = False

    def add(self) -> None:
        self._rows, self._busy = 1, True

    async def publish(self, append: Callable[[Sequence[OutRecord]], Awaitable[None]]) -> int:
        self.looks += 1
        if self._busy:
            self._busy = False
            return 0
        published, self._rows = self._rows, 0
        return published

    @property
    def waits(self) -> bool:
        """Whether the row waits."""
        return self._rows > 0


class NoLog:
    """An appender that takes everything."""

    async def append(self, records: Sequence[OutRecord]) -> None:
        """Take records."""


async def test_a_row_that_another_process_had_locked_is_published_soon() -> None:
    outbox = BusyOnce()
    publisher = Publisher("definitions", outbox, NoLog(), interval_s=60)
    task = asyncio.create_task(publisher.run())
    await asyncio.sleep(0)
    outbox.add()
    publisher.wake()
    await asyncio.sleep(SECOND_LOOK_S * 2)
    assert not outbox.waits
    looks = outbox.looks
    await asyncio.sleep(SECOND_LOOK_S * 2)
    assert outbox.looks == looks
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
