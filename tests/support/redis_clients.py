"""The clients of Redis that contract suites run on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis

from connectors.redis.client import connect_pipelined


@asynccontextmanager
async def client_of(name: str, request: pytest.FixtureRequest) -> AsyncIterator[Redis]:
    """Yield a client by name: ``redis-py``, ``pipelined``, ``cluster`` (of three nodes) or ``sentinel``."""
    url = request.getfixturevalue(f"redis_{name}_url" if name in ("cluster", "sentinel") else "redis_url")
    client = Redis.from_url(url) if name == "redis-py" else connect_pipelined(url)
    try:
        yield client
    finally:
        await client.aclose()
