"""Masters of Redis that are killed: a cluster and Sentinels put a replica in their place, and clients find it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from redis.crc import key_slot
from redis.exceptions import ConnectionError as RedisConnectionError

from connectors.redis.client import connect, connect_bounded, connect_pipelined
from connectors.redis.errors import redis_errors
from connectors.redis.pipelined.client import PipelinedRedis
from schemas.errors import Unavailable
from tests.support import redis_servers
from tests.support.redis_servers import SECRET, SLOTS, USER, Server

KEY = "{failover}k"


class Site(NamedTuple):
    """Servers with replicas: what clients get, and which server has ``KEY`` at first."""

    url: str
    master: Server


@pytest.fixture(params=["cluster", "sentinel"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    if request.param == "sentinel":
        with redis_servers.watched(tmp_path) as found:
            yield Site(found.url, found.servers[0])
        return
    with redis_servers.cluster(tmp_path, replicas=1) as nodes:
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in nodes[:3])
        yield Site(f"redis+cluster://{USER}:{SECRET}@{hosts}", nodes[key_slot(KEY.encode()) * 3 // SLOTS])


@asynccontextmanager
async def client_of(url: str) -> AsyncIterator[PipelinedRedis]:
    client = connect_pipelined(url)
    try:
        yield client
    finally:
        await client.aclose()


async def until_it_answers(ask: Callable[[], object], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while True:
            try:
                with redis_errors("ask"):
                    await ask()  # type: ignore[misc] # what a client returns
                return
            except Unavailable:
                await asyncio.sleep(0.05)


async def test_a_killed_master_is_replaced_and_comes_back_as_a_replica(site: Site) -> None:
    async with client_of(site.url) as client, client_of(site.url) as idle:
        await client.set(KEY, "1")
        assert await idle.get(KEY) == b"1"
        assert await client.wait(1, 5_000) == 1 if "sentinel" in site.url else True
        await asyncio.sleep(0.2)
        site.master.stop()
        await until_it_answers(lambda: client.set(KEY, "2"))
        # One that was idle finds out by itself: its connection broke, so it asks before its next command.
        assert await idle.get(KEY) == b"2"
        site.master.start()
        await until_it_answers(lambda: client.incr(KEY))
        assert await idle.get(KEY) == b"3"


async def test_what_waits_in_a_server_that_dies_is_unavailable_and_eats_nothing(site: Site) -> None:
    async with client_of(site.url) as client:
        assert await client.blpop([KEY], timeout=0.1) is None
        waiting = asyncio.create_task(client.blpop([KEY], timeout=5))
        await asyncio.sleep(0.1)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        redis_servers.until(site.master, lambda redis: redis.info("clients")["blocked_clients"] == 0)
        await client.rpush(KEY, "x")
        assert await client.blpop([KEY], timeout=1) == (KEY.encode(), b"x")
        waiting = asyncio.create_task(client.blpop([KEY], timeout=5))
        await asyncio.sleep(0.1)
        site.master.stop()
        with pytest.raises(Unavailable), redis_errors("wait"):
            await waiting


@pytest.mark.parametrize("make", [connect, lambda url: connect_bounded(url, connections=4, timeout_s=1.0)])
async def test_every_kind_of_client_reaches_every_kind_of_site(
    site: Site, make: Callable[[str], PipelinedRedis]
) -> None:
    client = make(site.url)
    try:
        async with client.pipeline(transaction=True) as pipe:
            pipe.time()
            pipe.set(KEY, "1")
            pipe.get(KEY)
            assert (await pipe.execute())[1:] == [True, b"1"]
    finally:
        await client.aclose()


async def test_sentinels_that_know_no_such_master_say_so(tmp_path: Path) -> None:
    with redis_servers.watched(tmp_path) as found:
        async with client_of(found.url.replace("master=agentflow", "master=other")) as client:
            with pytest.raises(RedisConnectionError, match="knows no master 'other'"):
                await client.ping()


async def test_a_single_server_is_no_cluster(redis_url: str) -> None:
    async with client_of(redis_url.replace("redis://", "redis+cluster://").rpartition("/")[0]) as client:
        with pytest.raises(Exception, match="is no cluster: write redis:// without"):
            await client.ping()
