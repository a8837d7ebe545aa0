"""Fixtures of the worker's tests: workers with in-memory ports on a real Redis."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from tests.support.worker import Bench


@pytest.fixture
async def bench(redis_url: str, tmp_path: Path) -> AsyncIterator[Bench]:
    """A bench whose budgets are open."""
    redis = Redis.from_url(redis_url)
    bench = Bench(redis, tmp_path)
    await bench.open_budgets()
    yield bench
    await bench.close()
    await redis.aclose()
