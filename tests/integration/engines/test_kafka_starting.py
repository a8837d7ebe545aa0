"""A broker that answers before its controller has let it in names no brokers; a client must not settle there."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from connectors.kafka.log import KafkaLog
from deploy.local.engines.ports import LOOPBACK
from schemas.errors import Unavailable

API_VERSIONS, METADATA = 18, 3
#: Error code, then each API with its lowest and highest version.
VERSIONS = struct.pack(">hi", 0, 2) + struct.pack(">hhh", API_VERSIONS, 0, 0) + struct.pack(">hhh", METADATA, 0, 1)
#: Metadata, version 1: no brokers, no controller, no topics.
NOBODY = struct.pack(">iii", 0, -1, 0)


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Speak as much of Kafka's protocol as a client needs to begin."""
    try:
        while True:
            (size,) = struct.unpack(">i", await reader.readexactly(4))
            request = await reader.readexactly(size)
            api, _, correlation = struct.unpack(">hhi", request[:8])
            body = struct.pack(">i", correlation) + (VERSIONS if api == API_VERSIONS else NOBODY)
            writer.write(struct.pack(">i", len(body)) + body)
    except asyncio.IncompleteReadError:
        writer.close()


@asynccontextmanager
async def starting_broker() -> AsyncIterator[str]:
    server = await asyncio.start_server(answer, LOOPBACK, 0)
    try:
        yield f"{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def test_a_log_does_not_start_on_a_broker_that_names_nobody() -> None:
    async with starting_broker() as bootstrap:
        log = KafkaLog(bootstrap, timeout_s=2.0)
        for _ in range(2):
            with pytest.raises(Unavailable, match="still starting"):
                await log.start()
        await log.stop()
