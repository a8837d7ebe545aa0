"""A consumer that could not be connected is closed all the same; else it complains when it is collected."""

import asyncio
import gc
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from connectors.kafka.log import KafkaLog
from schemas.errors import Unavailable


@pytest.fixture
def silent_broker() -> Iterator[str]:
    """A server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def complaints() -> list[dict[str, Any]]:
    return []


def collected(complaints: list[dict[str, Any]]) -> list[dict[str, Any]]:
    gc.collect()
    return [context for context in complaints if "Unclosed" in context["message"]]


async def test_reader_is_closed_when_no_broker_answers(complaints: list[dict[str, Any]]) -> None:
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    with pytest.raises(Unavailable):
        await KafkaLog("127.0.0.1:1").bounds("topic", 0)
    assert collected(complaints) == []


async def test_reader_is_closed_when_it_is_canceled_while_it_connects(
    silent_broker: str, complaints: list[dict[str, Any]]
) -> None:
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(KafkaLog(silent_broker).bounds("topic", 0), 0.2)
    assert collected(complaints) == []
