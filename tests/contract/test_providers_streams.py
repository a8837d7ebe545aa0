"""Every provider's streams: typed deltas that end in the answer of the plain call, however the bytes arrive."""

import json
import random
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from connectors.providers.base import ModelRequest, ModelResponse
from connectors.providers.deltas import (
    Delta,
    End,
    TextDelta,
    ToolCallArguments,
    ToolCallStarted,
    UsageDelta,
)
from connectors.providers.stream_reading import StreamReading
from connectors.providers.streaming import StreamedWire, Streams
from connectors.providers.usage import Bounds
from tests.contract.test_providers_damaged import WIRES
from tests.support.wire_fixtures import PROVIDERS, cases, fixture, provider_at, request_of
from tests.support.wire_server import Reply, wire_server
from tests.support.wire_streams import STREAM_HEADERS, frames


async def streamed(provider: str, request: ModelRequest, body: bytes, **headers: str) -> tuple[list[Delta], Any]:
    """Return a call's deltas, and the path and body that the server got."""
    async with wire_server(provider, Reply(body, 200, STREAM_HEADERS | headers)) as server:
        client = provider_at(provider, server.url)
        assert isinstance(client, Streams)
        try:
            async with aclosing(client.stream(request)) as deltas:
                found = [delta async for delta in deltas]
        finally:
            await client.close()
    return found, server.requests[0]


def unlike(response: ModelResponse) -> tuple[ModelResponse, str]:
    """Return what is the same of a plain and of a streamed answer; errors compare by what they say."""
    return replace(response, sent={}, received={}, problem=None), repr(response.problem)


def text_of(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))


@pytest.mark.parametrize(("provider", "name"), cases())
async def test_a_stream_ends_in_the_answer_of_the_plain_call(provider: str, name: str) -> None:
    case = fixture(provider, name)
    request = request_of(case["model"], case["request"])
    async with wire_server(provider, Reply(case["received"])) as server:
        client = provider_at(provider, server.url)
        plain = await client.complete(request)
        await client.close()
    deltas, (path, _, body) = await streamed(provider, request, b"".join(frames(provider, case["received"])))
    assert isinstance(deltas[-1], End)
    response = deltas[-1].response
    assert unlike(response) == unlike(plain)
    assert response.sent == plain.sent | {
        name: value for name, value in response.sent.items() if name in ("stream", "stream_options")
    }
    assert body.get("stream") is True or path.endswith("streamGenerateContent?alt=sse")
    assert provider not in ("openai", "compatible") or body["stream_options"] == {"include_usage": True}
    if not response.asked:
        assert text_of(deltas) == response.text
    started = [delta for delta in deltas if isinstance(delta, ToolCallStarted)]
    assert [(one.id, one.name) for one in started] == [(one.id, one.name) for one in response.asked]
    for index, one in enumerate(response.asked):
        written = [delta.text for delta in deltas if isinstance(delta, ToolCallArguments) and delta.index == index]
        assert json.loads("".join(written) or "{}") == one.args
    counts = [delta.usage for delta in deltas if isinstance(delta, UsageDelta)]
    assert counts[-1:] in ([], [response.usage])


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_service_that_does_not_stream_is_read_all_the_same(provider: str) -> None:
    case = fixture(provider, "plain")
    body = json.dumps(case["received"]).encode()
    request = request_of(case["model"], case["request"])
    deltas, _ = await streamed(provider, request, body, **{"Content-Type": "application/json"})
    assert isinstance(deltas[-1], End)
    assert (text_of(deltas), deltas[-1].response.received) == ("Paris.", case["received"])


def read(provider: str, request: ModelRequest, chunks: list[bytes]) -> tuple[list[Delta], Any]:
    wire = WIRES[provider]
    assert isinstance(wire, StreamedWire)
    reading = StreamReading(wire.assembler(request), Bounds(1_000, 100))
    deltas = [delta for chunk in [*chunks, None] for delta in reading.feed(chunk)]
    assert reading.finished
    return deltas, reading.body()


@pytest.mark.parametrize("provider", WIRES)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_stream_may_be_split_anywhere(provider: str, end: str) -> None:
    case = fixture(provider, "turns")
    request = request_of(case["model"], case["request"])
    body = b"\xef\xbb\xbf" + b"".join(frames(provider, case["received"])).replace(b"\n", end.encode())
    expected = read(provider, request, [body])
    assert read(provider, request, [body[at : at + 1] for at in range(len(body))]) == expected
    chance = random.Random(provider)
    for _ in range(20):
        places = sorted(chance.sample(range(len(body)), 7))
        assert (
            read(provider, request, [body[a:b] for a, b in zip([0, *places], [*places, None], strict=True)]) == expected
        )


@pytest.mark.parametrize("provider", WIRES)
def test_a_pair_that_is_split_over_two_events_is_one_character(provider: str) -> None:
    case = fixture(provider, "plain")
    request = request_of(case["model"], case["request"])
    body = json.loads(json.dumps(case["received"]).replace('"Paris', '"Par\U0001f600'))
    chunks = frames(provider, body)
    at = next(i for i, frame in enumerate(chunks) if rb'"Par\ud83d\ude00"' in frame)
    chunks[at] = chunks[at].replace(rb"\ude00", b"")
    chunks.insert(at + 1, chunks[at].replace(rb"Par\ud83d", rb"\ude00"))
    deltas, (received, notes) = read(provider, request, chunks)
    assert notes == ()
    assert "Par\U0001f600" in json.dumps(received, ensure_ascii=False)
    assert "\ufffd" in text_of(deltas)
