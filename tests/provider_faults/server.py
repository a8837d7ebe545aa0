"""A server that plays a script of raw bytes for each request: what real servers, proxies and networks do wrong."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Literal

Step = bytes | float | Literal["hang", "close", "reset", "half-close", "wait for close", "at once"]
"""Bytes to send, seconds to wait, or what becomes of the connection; at the end of a script it is closed.

A script begins when the request is there, or ``at once``.
"""
Script = Sequence[Step]

_REASONS = {200: "OK", 302: "Found", 307: "Temporary Redirect"}


def http(
    body: bytes, status: int = 200, kind: str = "application/json", *headers: str, length: int | None = None
) -> bytes:
    """Return a whole answer; ``length`` is another one than it has."""
    head = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Said')}", f"Content-Type: {kind}", *headers]
    head += [f"Content-Length: {len(body) if length is None else length}", "", ""]
    return "\r\n".join(head).encode() + body


def stream_head(*headers: str) -> bytes:
    """Return the head of a stream; its events follow in chunks."""
    head = ["HTTP/1.1 200 OK", "Content-Type: text/event-stream", "Transfer-Encoding: chunked", *headers, "", ""]
    return "\r\n".join(head).encode()


def chunk(data: bytes) -> bytes:
    """Return a chunk; an empty one is the end of the body."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


class FaultServer:
    """Plays ``script`` to each connection, once."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._serving: set[asyncio.Task[None]] = set()
        self.port = 0
        self.closed = asyncio.Event()

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._serving.add(asyncio.ensure_future(self._serve(reader, writer)))

    async def end(self) -> None:
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self._script[:1] != ["at once"]:
                await _read_request(reader)
            for step in self._script:
                if step == "wait for close":
                    await reader.read()
                    self.closed.set()
                else:
                    await self._play(step, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has what it wants
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _play(self, step: Step, writer: asyncio.StreamWriter) -> None:
        match step:
            case bytes():
                writer.write(step)
                await writer.drain()
            case float():
                await asyncio.sleep(step)
            case "hang":
                await asyncio.Event().wait()
            case "half-close":
                writer.write_eof()
                await asyncio.Event().wait()
            case "reset":
                sock = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.close()
            case "close":
                writer.close()


async def _read_request(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    await reader.readexactly(int(length.partition(b":")[2]))


@asynccontextmanager
async def fault_server(script: Script) -> AsyncIterator[FaultServer]:
    """Run a server on a free port."""
    faults = FaultServer(script)
    server = await asyncio.start_server(faults.connected, "127.0.0.1", 0, limit=2**24)
    faults.port = server.sockets[0].getsockname()[1]
    try:
        yield faults
    finally:
        await faults.end()
        server.close()
        await server.wait_closed()
