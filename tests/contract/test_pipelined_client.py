"""The pipelined client on real servers: order, lost replies, logins, TLS, redirects."""

import asyncio
import os
import signal
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from unittest.mock import patch

import pytest
import uvloop
from redis.asyncio import Redis
from redis.crc import key_slot
from redis.exceptions import AuthenticationError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError

from connectors.redis.client import connect_pipelined
from connectors.redis.errors import redis_errors
from connectors.redis.pipelined.client import PipelinedRedis
from connectors.redis.pipelined.connection import Connection
from connectors.redis.pipelined.failures import NotSentError, ReplyLostError
from schemas.errors import Unavailable
from tests.support import redis_servers
from tests.support.redis_servers import Server

TLS = Path(redis_servers.__file__).parent / "tls"
SLOW = "local n = 0 while n < tonumber(ARGV[1]) do n = n + 1 end return n"


def client_at(url: str, answer_s: float = 10.0, connect_s: float = 10.0) -> PipelinedRedis:
    return connect_pipelined(url, answer_s=answer_s, connect_s=connect_s)


@asynccontextmanager
async def client_of(url: str, **limits: float) -> AsyncIterator[PipelinedRedis]:
    client = client_at(url, **limits)
    try:
        yield client
    finally:
        await client.aclose()


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[PipelinedRedis]:
    async with client_of(redis_url) as client:
        yield client


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with redis_servers.single(tmp_path) as server:
        yield server


async def test_callers_of_one_turn_share_a_write_and_get_their_own_replies(client: PipelinedRedis) -> None:
    await client.ping()
    with patch.object(Connection, "_flush", autospec=True, side_effect=Connection._flush) as flush:
        replies = await asyncio.gather(*(client.echo(f"{n}") for n in range(500)))
    assert replies == [b"%d" % n for n in range(500)]
    assert flush.call_count == 1


async def test_a_canceled_caller_leaves_the_order_of_the_others(client: PipelinedRedis) -> None:
    await client.ping()
    callers = [asyncio.create_task(client.echo(f"{n}")) for n in range(50)]
    await asyncio.sleep(0)
    for caller in callers[::3]:
        caller.cancel()
    replies = await asyncio.gather(*callers, return_exceptions=True)
    assert [reply for n, reply in enumerate(replies) if n % 3] == [b"%d" % n for n in range(50) if n % 3]
    assert all(isinstance(reply, asyncio.CancelledError) for reply in replies[::3])
    assert await client.echo("after") == b"after"


def test_it_runs_on_the_loop_of_production(redis_url: str) -> None:
    async def ask() -> list[bytes]:
        async with client_of(redis_url) as client:
            return list(await asyncio.gather(client.echo("a"), client.echo("b")))

    assert uvloop.run(ask()) == [b"a", b"b"]


async def test_an_error_is_its_callers_alone(client: PipelinedRedis) -> None:
    bad, good = await asyncio.gather(client.execute_command("NONSENSE"), client.echo("x"), return_exceptions=True)
    assert isinstance(bad, ResponseError)
    assert good == b"x"


async def test_a_script_that_the_server_forgot_is_sent_again(client: PipelinedRedis) -> None:
    script = client.register_script("return {KEYS[1], ARGV[1]}")
    await client.script_flush()
    assert await script(keys=["k"], args=[7]) == [b"k", b"7"]
    assert await script(keys=["k"], args=[8]) == [b"k", b"8"]


async def test_a_transaction_is_done_at_once_or_not(client: PipelinedRedis) -> None:
    async with client.pipeline(transaction=True) as pipe:
        pipe.hset("{tx}h", mapping={"a": 1})
        pipe.hgetall("{tx}h")
        pipe.unlink("{tx}h")
        assert await pipe.execute() == [1, {b"a": b"1"}, 1]
    async with client.pipeline(transaction=True) as pipe:
        pipe.set("{tx}s", "x")
        pipe.execute_command("NONSENSE")
        with pytest.raises(ResponseError, match="unknown command"):
            await pipe.execute()
    assert not await client.exists("{tx}s")


async def test_a_reply_that_a_dead_server_owes_is_lost_and_the_next_call_finds_the_new_one(server: Server) -> None:
    async with client_of(server.url) as client:
        slow = client.register_script(SLOW)
        assert await slow(keys=["k"], args=[1]) == 1
        owed = [asyncio.create_task(slow(keys=["k"], args=[10**10])), asyncio.create_task(client.echo("x"))]
        await asyncio.sleep(0.05)
        server.stop()
        for lost in await asyncio.gather(*owed, return_exceptions=True):
            assert isinstance(lost, ReplyLostError)
        with pytest.raises(NotSentError, match=f"cannot connect to redis at 127.0.0.1:{server.port}"):
            await client.ping()
        server.start()
        assert await client.ping()


async def test_a_server_that_hangs_is_given_up(server: Server) -> None:
    async with client_of(server.url, answer_s=0.3, connect_s=0.3) as client:
        await client.ping()
        os.kill(server.process.pid, signal.SIGSTOP)
        with pytest.raises(ReplyLostError, match=r"no reply within 0\.3 s"):
            await client.ping()
        with pytest.raises(NotSentError, match=r"no answer within 0\.3 s"):
            await client.ping()
        os.kill(server.process.pid, signal.SIGCONT)
        async with asyncio.timeout(60):
            while True:
                try:
                    assert await client.ping()
                    return
                except RedisConnectionError:
                    await asyncio.sleep(0.05)


async def test_lost_and_unsent_commands_are_unavailable() -> None:
    for failure in (ReplyLostError("x"), NotSentError("x")):
        with pytest.raises(Unavailable), redis_errors("ask"):
            raise failure


async def test_a_wrong_password_is_said_as_one(server: Server) -> None:
    async with client_of(server.url.replace(redis_servers.SECRET, "wrong")) as client:
        with pytest.raises(AuthenticationError, match="invalid username-password pair"), redis_errors("ask"):
            await client.ping()


async def test_the_database_of_the_url_is_used(server: Server) -> None:
    async with client_of(server.url.replace("/0", "/3")) as third, client_of(server.url) as first:
        await third.set("k", "3")
        assert await third.get("k") == b"3"
        assert await first.get("k") is None


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
    writer.close()


@asynccontextmanager
async def tls_in_front_of(server: Server) -> AsyncIterator[int]:
    """Yield the port of a server that speaks TLS and passes all on."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "cert.pem", TLS / "key.pem")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", server.port)
        await asyncio.gather(_relay(reader, back), _relay(there, writer), return_exceptions=True)

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as proxy:
        yield proxy.sockets[0].getsockname()[1]


async def test_tls_is_spoken_and_the_certificate_is_checked(server: Server) -> None:
    async with tls_in_front_of(server) as port:
        url = f"rediss://{redis_servers.USER}:{redis_servers.SECRET}@localhost:{port}/0"
        async with client_of(f"{url}?ssl_ca_certs={TLS / 'cert.pem'}") as client:
            assert await client.echo("x") == b"x"
        async with client_of(url) as client:
            with pytest.raises(NotSentError, match="its certificate is of an authority that is not trusted here"):
                await client.ping()


async def test_a_slot_that_moves_is_followed(redis_cluster_url: str) -> None:
    """First ``ASK`` while the slot is moving, then ``MOVED``; a client that knows it already is not redirected."""
    key = "{moving}k"
    slot = key_slot(key.encode())
    async with client_of(redis_cluster_url) as client, client_of(redis_cluster_url) as other:
        await client.delete(key)
        await other.ping()
        nodes = {bytes(one[2][2]): one[2][1] for one in await client._cluster.nodes[0].ask("CLUSTER", "SLOTS")}
        owner = client._cluster.node_of(("GET", key)).address.port
        ids = {port: name.decode() for name, port in nodes.items()}
        target = next(port for port in ids if port != owner)
        at = redis_cluster_url.rpartition(":")[0]
        source, goal = Redis.from_url(f"{at}:{owner}/0"), Redis.from_url(f"{at}:{target}/0")
        try:
            await goal.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", ids[owner])
            await source.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", ids[target])
            assert await client.set(key, "asked")
            assert await client.register_script("return redis.call('GET', KEYS[1])")(keys=[key]) == b"asked"
            for node in (goal, source):
                await node.execute_command("CLUSTER SETSLOT", slot, "NODE", ids[target])
            assert await other.get(key) == b"asked"
            async with other.pipeline(transaction=True) as pipe:
                pipe.get(key)
                pipe.unlink(key)
                assert await pipe.execute() == [b"asked", 1]
            assert other._cluster.node_of(("GET", key)).address.port == target
        finally:
            for node in (source, goal):
                await node.execute_command("CLUSTER SETSLOT", slot, "NODE", ids[owner])
                await node.aclose()


async def test_a_pipeline_reaches_all_nodes(redis_cluster_url: str) -> None:
    async with client_of(redis_cluster_url) as client:
        async with client.pipeline(transaction=False) as pipe:
            for n in range(60):
                pipe.set(f"spread:{n}", n)
                pipe.get(f"spread:{n}")
                pipe.unlink(f"spread:{n}")
            replies = await pipe.execute()
        assert replies[1::3] == [b"%d" % n for n in range(60)]
        assert len({client._cluster.node_of(("GET", f"spread:{n}")) for n in range(60)}) == 3
