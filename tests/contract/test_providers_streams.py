"""Every provider's streams: typed deltas that end in the answer of the plain call, however the bytes arrive."""

import asyncio
import json
import random
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from connectors.prices.book import PriceBook
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
from schemas.errors import StepError
from schemas.records.base import Usage
from tests.contract.test_providers import AT_MS
from tests.contract.test_providers_damaged import WIRES
from tests.provider_faults.server import chunk, fault_server, stream_head
from tests.support.wire_fixtures import FIXTURES, FOLDER, PROVIDERS, cases, fixture, provider_at, request_of
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


STREAMED = [
    (provider, file.stem)
    for provider, folder in FIXTURES.items()
    for file in sorted((FOLDER / folder / "streamed").glob("*.json"))
]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_provider_has_streams_as_its_service_writes_them(provider: str) -> None:
    assert len([name for of, name in STREAMED if of == provider]) >= 2


@pytest.mark.parametrize(("provider", "name"), STREAMED)
async def test_a_stream_as_the_service_writes_it_is_read_as_the_fixture_says(provider: str, name: str) -> None:
    case = fixture(provider, f"streamed/{name}")
    expected, request = case["expected"], request_of(case["model"], case["request"])
    deltas, _ = await streamed(provider, request, "".join(case["events"]).encode())
    assert isinstance(deltas[-1], End)
    response = deltas[-1].response
    assert (response.text, response.finish_reason) == (expected["text"], expected.get("finish_reason", "stop"))
    assert [[one.id, one.name, one.args] for one in response.asked] == expected.get("asked", [])
    assert list(response.notes) == expected.get("notes", [])
    assert [list(how) for how in response.served] == expected.get("served", [])
    assert response.opaque == expected.get("opaque")
    assert response.problem is None
    assert response.usage == Usage(**expected["usage"])
    if "cost_nano" in expected and provider != "compatible":
        vendor = "openai" if provider == "responses" else provider
        cost = PriceBook.load().cost(vendor, case["model"], response.usage, AT_MS, response.served)
        assert cost == expected["cost_nano"]


def frames_of(provider: str) -> list[bytes]:
    return frames(provider, fixture(provider, "plain")["received"])


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_an_answer_that_began_and_stops_is_given_up_after_the_silence(provider: str) -> None:
    case = fixture(provider, "plain")
    request = replace(request_of(case["model"], case["request"]), silence_s=0.2, timeout_s=600)
    body = b"".join(chunk(frame) for frame in frames_of(provider)[:2])
    async with fault_server([stream_head(), body, "hang"]) as server:
        client = provider_at(provider, f"http://127.0.0.1:{server.port}/v1")
        with pytest.raises(StepError, match=r"the answer stopped for 0\.2 s") as caught:
            [delta async for delta in client.stream(request)]
        await client.close()
    assert (caught.value.code, caught.value.retryable) == ("provider_timeout", True)
    assert caught.value.details["outcome"] == "unknown"


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_stream_that_is_closed_closes_its_connection(provider: str) -> None:
    case = fixture(provider, "plain")
    body = b"".join(chunk(frame) for frame in frames_of(provider))
    async with fault_server([stream_head(), body, "wait for close"]) as server:
        client = provider_at(provider, f"http://127.0.0.1:{server.port}/v1")
        async with aclosing(client.stream(request_of(case["model"], case["request"]))) as deltas:
            await anext(deltas)
        await asyncio.wait_for(server.closed.wait(), 30)
        await client.close()


async def test_a_connection_is_used_again_after_a_stream() -> None:
    case = fixture("openai", "plain")
    async with wire_server("openai", Reply(b"".join(frames_of("openai")), 200, STREAM_HEADERS)) as server:
        client = provider_at("openai", server.url)
        for _ in range(3):
            async with aclosing(client.stream(request_of(case["model"], case["request"]))) as deltas:
                assert isinstance([delta async for delta in deltas][-1], End)
        await client.close()
    assert len(set(server.ports)) == 1
