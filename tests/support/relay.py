"""A relay in front of a server that counts the connections that come."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass


@dataclass
class Relay:
    """Where it listens, and how many connections came."""

    port: int = 0
    knocks: int = 0


@asynccontextmanager
async def relay(to_port: int) -> AsyncIterator[Relay]:
    """Pass bytes on to a port of this machine until the block ends."""
    found, writers = Relay(), set[asyncio.StreamWriter]()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.knocks += 1
        there, back = await asyncio.open_connection("127.0.0.1", to_port)
        writers.update((writer, back))
        await asyncio.gather(pump(reader, back), pump(there, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()
        for writer in writers:
            writer.close()
        await server.wait_closed()
