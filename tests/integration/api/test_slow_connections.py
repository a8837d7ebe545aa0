"""Connections that send no whole request head are closed; others are not."""

import asyncio
import time

from api.http.connection import HEAD_TIMEOUT_S
from tests.support.server import served

CONNECTIONS = 900
CLOSED_WITHIN_S = 15.0
HALF = b"GET /health HTTP/1.1\r\nHost: a\r\nX-Half: "
DOWN = {
    "KAFKA_BOOTSTRAP": "127.0.0.1:1",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "DATABASE_URL": "postgresql://x@127.0.0.1:1/x",
    "CLICKHOUSE_URL": "http://127.0.0.1:1",
    "API_KEY": "key",
}


async def test_half_a_head_is_closed_and_requests_are_served_meanwhile() -> None:
    async with served(DOWN) as (client, _):
        host, port = client.base_url.host, client.base_url.port
        opened = [await asyncio.open_connection(host, port) for _ in range(CONNECTIONS)]
        for n, (_, writer) in enumerate(opened):
            writer.write(HALF if n % 2 else b"")
        began = time.monotonic()
        while time.monotonic() - began < HEAD_TIMEOUT_S / 2:
            assert (await client.get("/health")).status_code == 200
            await asyncio.sleep(0.2)
        async with asyncio.timeout(CLOSED_WITHIN_S - (time.monotonic() - began)):
            for reader, writer in opened:
                assert await reader.read() == b""
                writer.close()


async def test_a_connection_in_use_is_served_longer_than_a_head_may_take() -> None:
    async with served(DOWN) as (client, _):
        reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
        began = time.monotonic()
        while time.monotonic() - began < HEAD_TIMEOUT_S + 1:
            writer.write(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            assert await reader.readexactly(len(b'{"status":"ok"}')) == b'{"status":"ok"}'
            await asyncio.sleep(2)
        writer.close()
