"""Every suite of Redis runs on redis-py's client, on the pipelined one, and on that with a cluster of three nodes."""

from collections.abc import AsyncIterator, Iterator

import pytest
from redis.asyncio import Redis

from tests.support import redis_servers
from tests.support.redis_clients import client_of


@pytest.fixture(scope="session")
def redis_cluster_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_servers.cluster(tmp_path_factory.mktemp("cluster")) as nodes:
        yield nodes[0].url


@pytest.fixture(params=["redis-py", "pipelined", "cluster"])
async def redis(request: pytest.FixtureRequest) -> AsyncIterator[Redis]:
    async with client_of(request.param, request) as client:
        yield client
