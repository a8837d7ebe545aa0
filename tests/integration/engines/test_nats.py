"""The bus on a real NATS server: it hands over, drops instead of waiting, and comes back."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.nats.pubsub import MAX_BYTES, Nats
from deploy.local.engines import EngineStack
from schemas.errors import Unavailable
from tests.support.polling import until_async

DEADLINE_S = 60.0


class Heard:
    """What a subscription brought."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, bytes]] = []

    def __call__(self, subject: str, data: bytes) -> None:
        if data == b"fail":
            raise ValueError("a handler of a test")
        self.messages.append((subject, data))


async def connected(*buses: Nats) -> None:
    for bus in buses:
        bus.start()
    await until_async(lambda: all(bus.connected for bus in buses), DEADLINE_S, "the buses are connected")
    await asyncio.gather(*(bus.ping() for bus in buses))


@pytest.fixture
async def pair(nats_url: str) -> AsyncIterator[tuple[Nats, Nats]]:
    sender, listener = Nats(nats_url, "sender"), Nats(nats_url, "listener")
    await connected(sender, listener)
    yield sender, listener
    await sender.stop()
    await listener.stop()


async def heard_within(sender: Nats, subject: str, heard: Heard, data: bytes) -> None:
    """Say it until it is heard: a subscription takes a moment to reach the server."""

    def said() -> bool:
        sender.publish(subject, data)
        return (subject, data) in heard.messages

    await until_async(said, DEADLINE_S, "it is heard", tick_s=0.01)


async def test_what_is_said_is_heard_by_who_listens_and_no_more_when_they_stop(pair: tuple[Nats, Nats]) -> None:
    sender, listener = pair
    one, all_ = Heard(), Heard()
    stop = listener.subscribe("test.said.one", one)
    listener.subscribe("test.said.*", all_)
    await heard_within(sender, "test.said.one", one, b"first")
    await heard_within(sender, "test.said.two", all_, b"second")
    assert ("test.said.two", b"second") not in one.messages
    stop()
    await heard_within(sender, "test.said.three", all_, b"gone")
    one.messages.clear()
    await heard_within(sender, "test.said.one", all_, b"third")
    assert one.messages == []


async def test_a_handler_that_fails_is_told_of_and_hears_the_next_one(
    pair: tuple[Nats, Nats], caplog: pytest.LogCaptureFixture
) -> None:
    sender, listener = pair
    heard = Heard()
    listener.subscribe("test.fails", heard)
    await heard_within(sender, "test.fails", heard, b"before")
    sender.publish("test.fails", b"fail")
    await heard_within(sender, "test.fails", heard, b"after")
    assert [record.action for record in caplog.records] == ["message_ignored"]


async def test_what_has_no_room_is_dropped_at_once(nats_url: str) -> None:
    bus = Nats(nats_url, "small", buffer=2)
    assert not bus.publish("test.room", b"before it is connected")
    await connected(bus)
    assert [bus.publish("test.room", b"x") for _ in range(3)] == [True, True, False]
    assert not bus.publish("test.room", b"x" * (MAX_BYTES + 1))
    assert bus.dropped == 3
    await bus.stop()


async def test_a_server_that_is_killed_is_done_without_and_comes_back(tmp_path: Path) -> None:
    stack = EngineStack(tmp_path, {"nats"}, durable=False)
    async with stack as where:
        bus, heard = Nats(where.nats_url, "survivor"), Heard()
        bus.subscribe("test.again", heard)
        await connected(bus)
        await heard_within(bus, "test.again", heard, b"one")
        stack.engine("nats").kill()
        await until_async(lambda: not bus.connected, DEADLINE_S, "the loss is seen")
        assert not bus.publish("test.again", b"lost")
        with pytest.raises(Unavailable, match="nats"):
            await bus.ping()
        stack.engine("nats").start()
        await until_async(lambda: bus.connected, DEADLINE_S, "it is connected again")
        await heard_within(bus, "test.again", heard, b"two")
        await bus.stop()


async def test_a_wrong_password_is_said_in_words(nats_url: str, caplog: pytest.LogCaptureFixture) -> None:
    bus = Nats(nats_url.replace("agentflow:", "agentflow:wrong"), "stranger")
    bus.start()
    await until_async(lambda: "nats_down" in [record.action for record in caplog.records], DEADLINE_S, "it is told")
    # The server says why and closes at once, so what a client hears of it is at times the reset alone.
    async with asyncio.timeout(DEADLINE_S):
        while "refuses the login" not in await refusal(bus):
            assert not bus.connected
            await asyncio.sleep(0.02)
    await bus.stop()


async def refusal(bus: Nats) -> str:
    """Return why a bus does not answer."""
    with pytest.raises(Unavailable) as caught:
        await bus.ping()
    return str(caught.value)
