"""Every suite of Redis runs on redis-py's client, and on the pipelined one: single, of a cluster, by Sentinels."""

from collections.abc import AsyncIterator, Iterator

import pytest
from redis.asyncio import Redis

from tests.support import redis_servers
from tests.support.redis_clients import client_of
from tests.support.response_cache import drop_all


@pytest.fixture(scope="session")
def redis_cluster_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_servers.cluster(tmp_path_factory.mktemp("cluster")) as nodes:
        yield nodes[0].url


@pytest.fixture(scope="session")
def redis_sentinel_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_servers.watched(tmp_path_factory.mktemp("watched")) as found:
        yield found.url


@pytest.fixture(params=["redis-py", "pipelined", "cluster", "sentinel"])
async def redis(request: pytest.FixtureRequest) -> AsyncIterator[Redis]:
    async with client_of(request.param, request) as client:
        yield client


@pytest.fixture
async def no_answers(redis: Redis) -> AsyncIterator[None]:
    """The response cache is empty before a test and after it."""
    await drop_all(redis)
    yield
    await drop_all(redis)
