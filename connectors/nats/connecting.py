"""How every connection to NATS is made. A connection ends when its server is lost; its owner makes another one."""

import asyncio
from collections.abc import Awaitable, Callable

from nats.aio.client import Client
from nats.errors import Error as NatsError

CONNECT_TIMEOUT_S = 5.0
#: A server that hangs is abandoned after two of these without an answer.
PING_EVERY_S = 3

#: What the library raises for a server that is lost, refuses, or is too slow.
DOWN = (NatsError, OSError, TimeoutError, ValueError)


async def connect(
    client: Client,
    url: str,
    name: str,
    *,
    on_closed: Callable[[], Awaitable[None]] | None = None,
    on_error: Callable[[Exception], Awaitable[None]] | None = None,
) -> None:
    """Connect a client once. The server's operators see it as ``name``. Raises one of ``DOWN``."""
    async with asyncio.timeout(CONNECT_TIMEOUT_S):
        await client.connect(
            url,
            name=name,
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            ping_interval=PING_EVERY_S,
            closed_cb=on_closed,
            error_cb=on_error,
        )


def words(exc: BaseException) -> str:
    """Return an error as words: some of the library's have none."""
    return str(exc) or type(exc).__name__
