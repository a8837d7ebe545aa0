"""TLS in front of servers that have none of their own: the wheels of Redis and PostgreSQL are built without OpenSSL.

    python -m deploy.local.engines.tls.terminator --cert FILE --key FILE --route redis:PORT:TO --route postgres:PORT:TO

A process of its own, on loopback. It decrypts and passes bytes on, in both directions, and reads nothing of them.
PostgreSQL's clients first ask in the clear whether there is TLS; what does not ask for it is refused.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import ssl
import struct
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import uvloop

from deploy.local.engines.ports import LOOPBACK
from deploy.local.engines.tls.files import server_context
from deploy.local.engines.tls.front import SSL_REQUEST

_YES = b"S"
_REFUSAL_TEXT = b"SFATAL\0C28000\0Mthis server speaks TLS alone: set sslmode=verify-full\0\0"
_REFUSAL = b"E" + struct.pack(">i", len(_REFUSAL_TEXT) + 4) + _REFUSAL_TEXT
#: A client that has not finished its handshake by then is dropped.
HANDSHAKE_S = 10.0


@dataclass(frozen=True, slots=True)
class Route:
    """Where a kind of server's clients connect, and where the server is."""

    kind: str
    port: int
    to: int

    @classmethod
    def read(cls, text: str) -> Route:
        """Read ``kind:port:to``."""
        kind, port, to = text.split(":")
        if kind not in ("redis", "postgres"):
            raise ValueError(kind)
        return cls(kind, int(port), int(to))


class Side(asyncio.Protocol):
    """One end of a pair: it writes what comes to the other end, and reads no faster than that end takes."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: Side | None = None
        self.early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        other = self.other
        if other is None or other.transport is None:
            self.early.append(data)
        else:
            other.transport.write(data)

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()

    def join(self, other: Side) -> None:
        """Pair with the other end, and write what came before it was there."""
        self.other, other.other = other, self
        for one, its in ((self, other), (other, self)):
            if its.transport is not None:
                for data in one.early:
                    its.transport.write(data)
            one.early.clear()

    def close(self) -> None:
        """Drop the connection."""
        if self.transport is not None:
            self.transport.abort()


class Front(Side):
    """A client's end. The server's end is connected once the client speaks TLS."""

    def __init__(self, route: Route, tasks: set[asyncio.Task[None]]) -> None:
        super().__init__()
        self._route = route
        self._tasks = tasks
        self._linked = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if not self._linked:
            self._linked = True
            task = asyncio.get_running_loop().create_task(self._link())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _link(self) -> None:
        try:
            _, back = await asyncio.get_running_loop().create_connection(Side, LOOPBACK, self._route.to)
        except OSError:
            self.close()
            return
        if self.transport is None or self.transport.is_closing():
            back.close()
        else:
            self.join(back)


class Question(asyncio.Protocol):
    """The first bytes of PostgreSQL's client: it asks for TLS, and then a ``Front`` takes over."""

    def __init__(self, route: Route, context: ssl.SSLContext, tasks: set[asyncio.Task[None]]) -> None:
        self._route, self._context, self._tasks = route, context, tasks
        self._transport: asyncio.Transport | None = None
        self._said = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._said += data
        transport = self._transport
        if transport is None or len(self._said) < len(SSL_REQUEST):
            return
        # More than the question before the answer is not TLS' beginning: somebody may have put it there.
        if self._said != SSL_REQUEST:
            transport.write(_REFUSAL)
            transport.close()
            return
        transport.pause_reading()
        transport.write(_YES)
        task = asyncio.get_running_loop().create_task(self._encrypt(transport))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _encrypt(self, transport: asyncio.Transport) -> None:
        front, loop = Front(self._route, self._tasks), asyncio.get_running_loop()
        try:
            encrypted = await loop.start_tls(
                transport, front, self._context, server_side=True, ssl_handshake_timeout=HANDSHAKE_S
            )
        except (OSError, ssl.SSLError, TimeoutError):
            transport.abort()
            return
        if encrypted is not None and front.transport is None:
            front.connection_made(encrypted)  # `start_tls` leaves this to its caller


async def serve(routes: list[Route], context: ssl.SSLContext) -> None:
    """Serve until SIGTERM or SIGINT."""
    loop, tasks, stop = asyncio.get_running_loop(), set[asyncio.Task[None]](), asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stop.set)
    for route in routes:
        if route.kind == "postgres":
            await loop.create_server(partial(Question, route, context, tasks), LOOPBACK, route.port)
        else:
            await loop.create_server(
                partial(Front, route, tasks),
                LOOPBACK,
                route.port,
                ssl=context,
                ssl_handshake_timeout=HANDSHAKE_S,
            )
    await stop.wait()


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cert", type=Path, required=True)
    parser.add_argument("--key", type=Path, required=True)
    parser.add_argument("--route", type=Route.read, action="append", required=True, metavar="redis|postgres:PORT:TO")
    arguments = parser.parse_args()
    with suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(arguments.route, server_context(arguments.cert, arguments.key)))


if __name__ == "__main__":
    main()
