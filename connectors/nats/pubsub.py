"""The bus on core NATS.

Publishing puts a message into a bounded buffer that a task of its own sends, so that a caller never waits. Without a
connection a message is dropped at once, which costs one comparison. The client reconnects without end, and renews its
subscriptions.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import NoServersError

from connectors.aio.cancel import end
from connectors.nats.connecting import DOWN, close, connect, new_client, words
from connectors.ports.pubsub import Handler, Unsubscribe
from schemas.errors import Unavailable

log = logging.getLogger(__name__)

#: Messages that wait to be sent. A full buffer means a server that is slower than this process, or hangs.
BUFFER = 10_000
#: A larger message is not sent: the server's own limit is 1 MiB.
MAX_BYTES = 1_000_000
RETRY_FIRST_S = 0.1
RETRY_MOST_S = 2.0


class Nats:
    """One connection. ``start`` it in the loop that uses it. The server's operators see it as ``name``."""

    def __init__(self, url: str, name: str, *, buffer: int = BUFFER) -> None:
        self._url = url
        self._name = name
        self._outgoing: deque[tuple[str, bytes]] = deque(maxlen=buffer)
        self._handlers: dict[int, tuple[str, Handler]] = {}
        self._served: dict[int, Subscription] = {}
        self._next_id = 0
        self._work = asyncio.Event()
        self._client: Client | None = None
        self._task: asyncio.Task[None] | None = None
        self._why = "not connected yet"
        self.dropped = 0

    def start(self) -> None:
        """Start connecting; returns at once."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="nats")

    async def stop(self) -> None:
        """Disconnect. What is still in the buffer is lost."""
        task, self._task = self._task, None
        if task is not None:
            await end(task)

    @property
    def connected(self) -> bool:
        """True while a server is connected, as far as this process knows."""
        return self._client is not None and self._client.is_connected

    def publish(self, subject: str, data: bytes) -> bool:
        """Send soon. ``False`` without a connection, for a message that is too large, and when the buffer is full."""
        if not self.connected or len(data) > MAX_BYTES or len(self._outgoing) == self._outgoing.maxlen:
            self.dropped += 1
            return False
        self._outgoing.append((subject, data))
        self._work.set()
        return True

    def subscribe(self, subject: str, handler: Handler) -> Unsubscribe:
        """Deliver messages from the moment the server has the subscription, now and after each reconnection."""
        key = self._next_id = self._next_id + 1
        self._handlers[key] = subject, handler
        self._work.set()

        def stop() -> None:
            self._handlers.pop(key, None)
            self._work.set()

        return stop

    async def ping(self) -> None:
        """Probe the server. Raises ``Unavailable``."""
        client = self._client
        if client is None or not client.is_connected:
            raise Unavailable("nats", self._why)
        try:
            await client.flush(timeout=2)
        except DOWN as exc:
            raise Unavailable("nats", words(exc)) from exc

    async def _run(self) -> None:
        wait, said = RETRY_FIRST_S, False
        while True:
            client, closed = new_client(self._url), asyncio.Event()
            try:
                await self._connect(client, closed)
                wait, said = RETRY_FIRST_S, self._say_back(said)
                await self._serve(client, closed)
            except NoServersError:
                pass  # the reason of each failure was logged before
            except DOWN as exc:
                self._why = words(exc, logging_in=self._client is None)
            finally:
                self._client = None
                self._served.clear()
                self._outgoing.clear()
                await close(client)
            if not said:
                log.warning("no NATS: %s; continuing without", self._why, extra={"action": "nats_down"})
                said = True
            await asyncio.sleep(wait)
            wait = min(wait * 2, RETRY_MOST_S)

    async def _connect(self, client: Client, closed: asyncio.Event) -> None:
        async def on_closed() -> None:
            closed.set()
            self._work.set()

        async def on_error(exc: Exception) -> None:
            self._why = words(exc, logging_in=self._client is None)

        await connect(client, self._url, self._name, on_closed=on_closed, on_error=on_error)
        self._client = client

    def _say_back(self, said: bool) -> bool:
        if said:
            log.warning("NATS is connected", extra={"action": "nats_back"})
        return False

    async def _serve(self, client: Client, closed: asyncio.Event) -> None:
        """Send, subscribe and unsubscribe until the connection is lost."""
        self._work.set()
        while not closed.is_set():
            await self._work.wait()
            self._work.clear()
            await self._keep_up(client)
            while self._outgoing and not closed.is_set():
                await client.publish(*self._outgoing.popleft())

    async def _keep_up(self, client: Client) -> None:
        """Synchronise the subscriptions with the server."""
        for key in [key for key in self._served if key not in self._handlers]:
            await self._served.pop(key).unsubscribe()
        for key, (subject, handler) in list(self._handlers.items()):
            if key not in self._served:
                self._served[key] = await client.subscribe(subject, cb=_handing(handler))


def _handing(handler: Handler) -> Callable[[Msg], Awaitable[None]]:
    async def hand_over(message: Msg) -> None:
        try:
            handler(message.subject, message.data)
        except Exception:
            log.exception("a message on %s is ignored", message.subject, extra={"action": "message_ignored"})

    return hand_over
