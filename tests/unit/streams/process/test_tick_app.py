"""Roles that tick: one that waits for its time has nothing to do, so it has not stalled."""

import asyncio

import pytest

from schemas.errors import Unavailable
from streams.process.health import TICKS, samples
from streams.process.role import TickApp
from streams.runtime.consumer.poll import Partition


class Ticker:
    """Ticks when it may; ``error`` is what the next one raises."""

    def __init__(self) -> None:
        self.may = asyncio.Event()
        self.begun = asyncio.Event()
        self.over = asyncio.Event()
        self.error: Exception | None = None

    def paused(self) -> dict[Partition, str]:
        return {}

    async def tick(self) -> None:
        self.begun.set()
        await self.may.wait()
        # What runs next is what the role does after this tick, then the test.
        asyncio.get_running_loop().call_soon(self.over.set)
        if self.error is not None:
            raise self.error


@pytest.fixture
async def ticker() -> Ticker:
    return Ticker()


@pytest.mark.parametrize(("error", "lag"), [(None, 0), (Unavailable("postgres", "down"), 1)])
async def test_a_role_has_work_while_it_ticks_and_until_a_tick_succeeds(
    ticker: Ticker, error: Exception | None, lag: int
) -> None:
    ticker.error = error
    app = TickApp("slow", ticker, every_s=3_600)
    await app.start()
    await asyncio.wait_for(ticker.begun.wait(), 30)
    assert samples(app)[TICKS].lag == 1
    ticker.may.set()
    await asyncio.wait_for(ticker.over.wait(), 30)
    assert samples(app)[TICKS].lag == lag
    await app.stop()
