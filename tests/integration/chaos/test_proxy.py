"""The proxy with faults: what passes, what waits, what breaks, and that all of it heals."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from deploy.local.engines.ports import LOOPBACK, PortBook
from tests.chaos.links import Links, ProxyProcess
from tests.chaos.proxy import Link

SOON_S = 30.0
#: Long enough to be sure that nothing comes; a test that passes waits for it.
NOTHING_S = 0.3


class Echo:
    """A server that sends back what it gets, and the link in front of it."""

    def __init__(self, port: int, ports: PortBook) -> None:
        self.port = ports.port("link")
        self.link = Link(self.port, port)

    async def client(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect through the link."""
        return await asyncio.open_connection(LOOPBACK, self.port)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(65_536):
        writer.write(piece)
        await writer.drain()
    writer.close()


@asynccontextmanager
async def proxied(tmp_path: Path) -> AsyncIterator[Echo]:
    server = await asyncio.start_server(echo, LOOPBACK, 0)
    there = Echo(server.sockets[0].getsockname()[1], PortBook(tmp_path / "ports.json"))
    await there.link.start()
    try:
        yield there
    finally:
        await there.link.stop()
        server.close()
        await server.wait_closed()


async def said(
    client: tuple[asyncio.StreamReader, asyncio.StreamWriter], text: bytes, within_s: float = SOON_S
) -> bytes:
    """Send and return what comes back. Raises ``TimeoutError`` when nothing does."""
    reader, writer = client
    writer.write(text)
    return await asyncio.wait_for(reader.readexactly(len(text)), within_s)


async def test_what_is_sent_comes_back_whole_and_ends_in_order(tmp_path: Path) -> None:
    async with proxied(tmp_path) as there:
        reader, writer = await there.client()
        big = bytes(range(256)) * 8_000
        writer.write(big)
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(-1), SOON_S) == big
        writer.close()


async def test_a_pause_holds_everything_back_and_loses_nothing(tmp_path: Path) -> None:
    async with proxied(tmp_path) as there:
        client = await there.client()
        assert await said(client, b"before") == b"before"
        there.link.strike("pause", 0)
        with pytest.raises(TimeoutError):
            await said(client, b"during", NOTHING_S)
        late = await there.client()
        with pytest.raises(TimeoutError):
            await said(late, b"late", NOTHING_S)
        there.link.strike("heal", 0)
        assert await asyncio.wait_for(client[0].readexactly(6), SOON_S) == b"during"
        assert await asyncio.wait_for(late[0].readexactly(4), SOON_S) == b"late"
        for _, writer in (client, late):
            writer.close()


async def test_a_cut_breaks_what_is_open_and_what_comes_until_it_heals(tmp_path: Path) -> None:
    async with proxied(tmp_path) as there:
        client = await there.client()
        assert await said(client, b"before") == b"before"
        there.link.strike("cut", 0)
        for broken in (client, await there.client()):
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await said(broken, b"during")
            broken[1].close()
        there.link.strike("heal", 0)
        healed = await there.client()
        assert await said(healed, b"after") == b"after"
        healed[1].close()


async def test_a_delay_is_paid_each_way(tmp_path: Path) -> None:
    async with proxied(tmp_path) as there:
        client = await there.client()
        assert await said(client, b"before") == b"before"
        there.link.strike("delay", 100)
        began = time.perf_counter()
        assert await said(client, b"slow") == b"slow"
        assert time.perf_counter() - began >= 0.2
        client[1].close()


async def test_a_slow_link_passes_as_much_as_it_says(tmp_path: Path) -> None:
    async with proxied(tmp_path) as there:
        client = await there.client()
        there.link.strike("throttle", 20_000)
        began = time.perf_counter()
        assert await said(client, b"x" * 10_000) == b"x" * 10_000
        assert time.perf_counter() - began >= 0.5
        client[1].close()


async def test_nobody_behind_the_link_breaks_the_connection(tmp_path: Path) -> None:
    ports = PortBook(tmp_path / "ports.json")
    link = Link(ports.port("link"), ports.port("nobody"))
    await link.start()
    reader, writer = await asyncio.open_connection(LOOPBACK, link.port)
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await said((reader, writer), b"hello")
    writer.close()
    await link.stop()


async def test_an_unknown_fault_is_refused(tmp_path: Path) -> None:
    async with proxied(tmp_path) as there:
        with pytest.raises(ValueError, match="pause, cut, delay"):
            there.link.strike("explode", 0)


async def test_the_process_is_told_which_links_misbehave(tmp_path: Path) -> None:
    server = await asyncio.start_server(echo, LOOPBACK, 0)
    links = Links(["budgets-1", "budgets-2"])
    links.choose(PortBook(tmp_path / "ports.json"))
    target = server.sockets[0].getsockname()[1]
    links.lead_to({"redis": target, "kafka": target})
    (tmp_path / "logs").mkdir()
    proxy = ProxyProcess(tmp_path, links)
    proxy.process.start()
    try:
        clients = {
            name: await asyncio.open_connection(LOOPBACK, links.listens[f"{name}>redis"]) for name in links.processes
        }
        await proxy.tell(links.named("budgets-1>redis"), "pause")
        with pytest.raises(TimeoutError):
            await said(clients["budgets-1"], b"one", NOTHING_S)
        assert await said(clients["budgets-2"], b"two") == b"two"
        await proxy.tell(links.named("*>redis"), "heal")
        assert await asyncio.wait_for(clients["budgets-1"][0].readexactly(3), SOON_S) == b"one"
        with pytest.raises(ValueError, match="explode"):
            await proxy.tell(links.named("*>redis"), "explode")
        with pytest.raises(ValueError, match="nobody"):
            await proxy.tell(["nobody>redis"], "pause")
        for _, writer in clients.values():
            writer.close()
    finally:
        assert proxy.process.stop() == 0
        server.close()


def test_a_target_names_one_link_or_all_to_an_engine(tmp_path: Path) -> None:
    links = Links(["worker-1", "worker-2", "sinks"])
    links.choose(PortBook(tmp_path / "ports.json"))
    assert links.named("worker-1>redis") == ["worker-1>redis"]
    assert links.named("*>model") == ["worker-1>model", "worker-2>model"]
    assert links.named("*>postgres") == ["sinks>postgres"]
    assert links.named("sinks>model") == []
    assert len({*links.listens.values(), *links.targets.values()}) == len(links.listens) + len(links.targets)
