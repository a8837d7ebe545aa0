"""The connection to NATS ends when it is told to, whatever its client does with a cancellation."""

import asyncio
from contextlib import suppress

import pytest

from connectors.aio import cancel
from connectors.nats import pubsub
from connectors.nats.pubsub import Nats


class Swallowing:
    """A client that reaches no server, and swallows the first cancellation that meets its close."""

    def __init__(self) -> None:
        self.closing = asyncio.Event()

    async def connect(self, *_: object, **__: object) -> None:
        raise OSError("no server")

    async def close(self) -> None:
        if not self.closing.is_set():
            self.closing.set()
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()


async def test_a_swallowed_cancellation_is_said_again(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Swallowing()
    monkeypatch.setattr(pubsub, "new_client", lambda _: client)
    monkeypatch.setattr(cancel, "CANCEL_AGAIN_S", 0.01)
    bus = Nats("nats://nowhere", "test")
    bus.start()
    async with asyncio.timeout(10):
        await client.closing.wait()
        await bus.stop()
