"""The provider ``openai`` against real HTTP servers: the local models' and one that answers what a test tells it."""

import asyncio
import contextlib
import io
import json
import logging
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from connectors.providers.base import ModelRequest
from connectors.providers.http_provider import FRAME_TOKENS
from connectors.providers.images import most_tokens
from connectors.providers.local.client import LocalHttpProvider
from connectors.providers.local.provider import LocalProvider
from connectors.providers.openai.provider import OpenAIProvider
from schemas.errors import StepError
from services.calls.images import picture_of

ROOT = Path(__file__).parents[3]
KEY = "sk-test-very-secret"
REQUEST = ModelRequest(model="local-echo", prompt="one two", max_tokens=20, idempotency_key="k-1", timeout_s=10)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The local models behind an API key."""
    command = [sys.executable, "-m", "connectors.providers.local.server", "--port", "0", "--api-key", KEY]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"]
        process.terminate()


class Scripted:
    """A server that gives one answer to every request and keeps what it was asked."""

    def __init__(self, answer: bytes, delay_s: float = 0.0) -> None:
        self.answer = answer
        self.delay_s = delay_s
        self.requests: list[bytes] = []
        self.url = ""
        self.serving: set[asyncio.Task[None]] = set()

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.serving.add(asyncio.ensure_future(self.serve(reader, writer)))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self.answer_one(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def answer_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(httpx.Headers(list(_headers(head)))["content-length"])
        self.requests.append(head + await reader.readexactly(length))
        await asyncio.sleep(self.delay_s)
        writer.write(self.answer)
        await writer.drain()


def _headers(head: bytes) -> Iterator[tuple[str, str]]:
    for line in head.decode().split("\r\n")[1:]:
        if line:
            name, _, value = line.partition(":")
            yield name, value.strip()


@contextlib.asynccontextmanager
async def scripted(answer: bytes, delay_s: float = 0.0) -> AsyncIterator[tuple[Scripted, OpenAIProvider]]:
    script = Scripted(answer, delay_s)
    server = await asyncio.start_server(script.connected, "127.0.0.1", 0)
    script.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    provider = OpenAIProvider(KEY, script.url)
    try:
        yield script, provider
    finally:
        await provider.close()
        server.close()
        for task in script.serving:
            task.cancel()
        await asyncio.gather(*script.serving, return_exceptions=True)


def http(status: int, body: bytes, **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def answered(**more: Any) -> bytes:
    message = {"role": "assistant", "content": "hi 🙂"}
    body = {"choices": [{"index": 0, "message": message, "finish_reason": "length"}]} | more
    return http(200, json.dumps(body).encode())


async def failure(provider: OpenAIProvider, request: ModelRequest = REQUEST) -> StepError:
    with pytest.raises(StepError) as caught:
        await provider.complete(request)
    return caught.value


async def test_a_completion_over_the_wire(url: str) -> None:
    provider = OpenAIProvider(KEY, f"{url}/v1")
    answer = await provider.complete(REQUEST)
    assert answer.text == "one two"
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (2, 2)
    assert answer.finish_reason == "stop"
    assert answer.sent["messages"] == [{"role": "user", "content": "one two"}]
    assert answer.received["object"] == "chat.completion"
    await provider.close()


async def test_pictures_over_the_wire(url: str) -> None:
    out = io.BytesIO()
    Image.new("RGB", (5, 7), (0, 128, 0)).save(out, "WEBP", lossless=True)
    picture = picture_of(out.getvalue())
    request = replace(REQUEST, model="local-gold", prompt="What is it?", max_tokens=200, pictures=(picture, picture))
    near, far, theirs = LocalProvider(), LocalHttpProvider(url), OpenAIProvider(KEY, f"{url}/v1")
    far._client.headers["Authorization"] = f"Bearer {KEY}"
    answers = [await provider.complete(request) for provider in (near, far, theirs)]
    assert len({(one.text, one.usage.input_tokens) for one in answers}) == 1
    assert "a WEBP of 5 by 7 pixels" in answers[0].text
    tokens = far.count_tokens("local-gold", request.prompt) + far.picture_tokens("local-gold", request.pictures)
    assert answers[0].usage.input_tokens == tokens
    assert all(picture.sha256 in str(one.sent) and picture.url not in str(one.sent) for one in answers)
    for provider in near, far, theirs:
        await provider.close()


@pytest.mark.parametrize(
    "image", ["https://example.com/x.png", "data:image/png;base64,!!", "data:text/plain;base64,eA=="]
)
async def test_the_local_models_take_nothing_that_is_no_picture(url: str, image: str) -> None:
    content = [{"type": "text", "text": "x"}, {"type": "image_url", "image_url": {"url": image}}]
    body = {"model": "local-echo", "messages": [{"role": "user", "content": content}]}
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {KEY}"}) as client:
        answer = await client.post(f"{url}/v1/chat/completions", json=body)
    assert (answer.status_code, "error" in answer.json()) == (400, True)


async def test_a_service_that_does_not_count_is_counted_at_the_most() -> None:
    out = io.BytesIO()
    Image.new("RGB", (5, 7)).save(out, "PNG")
    picture = picture_of(out.getvalue())
    async with scripted(answered()) as (script, provider):
        answer = await provider.complete(replace(REQUEST, model="gpt-4o", pictures=(picture,)))
    assert answer.usage.input_tokens == len("one two") + FRAME_TOKENS + most_tokens("gpt-4o")
    assert picture.url.encode() in script.requests[0]


async def test_a_wrong_key_is_final_and_never_shown(url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    provider = OpenAIProvider("sk-wrong-but-secret", f"{url}/v1")
    error = await failure(provider)
    assert (error.code, error.retryable) == ("provider_auth", False)
    assert "sk-wrong-but-secret" not in str(error) + caplog.text + repr(provider)
    await provider.close()


async def test_an_unknown_model_is_final_in_the_providers_words(url: str) -> None:
    provider = OpenAIProvider(KEY, f"{url}/v1")
    error = await failure(provider, replace(REQUEST, model="gpt-9"))
    assert (error.code, error.retryable) == ("provider_rejected", False)
    assert "no model 'gpt-9'" in str(error)
    await provider.close()


async def test_what_is_sent(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with scripted(answered(usage={"prompt_tokens": 5, "completion_tokens": 2})) as (script, provider):
        answer = await provider.complete(replace(REQUEST, temperature=0.2))
    head, _, body = script.requests[0].partition(b"\r\n\r\n")
    headers = httpx.Headers(list(_headers(head)))
    assert head.startswith(b"POST /v1/chat/completions HTTP/1.1")
    assert headers["idempotency-key"] == "k-1"
    assert headers["authorization"] == f"Bearer {KEY}"
    assert json.loads(body) == answer.sent
    assert answer.sent["max_tokens"] == 20
    assert (answer.text, answer.finish_reason) == ("hi 🙂", "length")
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (5, 2)
    assert KEY not in json.dumps(answer.sent) + json.dumps(answer.received) + caplog.text


async def test_tokens_that_are_not_counted_are_bounded() -> None:
    async with scripted(answered()) as (_, provider):
        answer = await provider.complete(REQUEST)
    assert answer.usage.input_tokens == len(REQUEST.prompt) + FRAME_TOKENS
    assert answer.usage.output_tokens == REQUEST.max_tokens < len("hi 🙂".encode()) + FRAME_TOKENS


async def test_without_a_key_no_header_is_sent() -> None:
    async with scripted(answered()) as (script, _):
        keyless = OpenAIProvider("", script.url)
        await keyless.complete(REQUEST)
        await keyless.close()
    assert b"authorization" not in script.requests[0].lower()


@pytest.mark.parametrize(
    ("answer", "code", "retryable", "wait"),
    [
        (http(429, b"{}", Retry_After="2"), "rate_limited", True, 2000),
        (http(429, b"{}", x_ratelimit_reset_requests="6m0s"), "rate_limited", True, 360_000),
        (http(500, b"oops"), "provider_unavailable", True, None),
        (http(503, b"{}", Retry_After="1"), "provider_unavailable", True, 1000),
        (http(408, b"{}"), "provider_timeout", True, None),
        (http(403, b"{}"), "provider_auth", False, None),
        (http(400, b'{"error": {"message": "no"}}'), "provider_rejected", False, None),
        (http(307, b"", Location="http://127.0.0.1:1/"), "provider_rejected", False, None),
        (http(200, b"{"), "provider_error", True, None),
        (http(200, b"[" * 200_000), "provider_error", True, None),
        (http(200, b"\xff\xfe"), "provider_error", True, None),
        (http(200, b'{"choices": []}'), "provider_error", True, None),
        (http(200, b"not gzip", Content_Encoding="gzip"), "provider_error", True, None),
        (http(200, b"{}")[:-5], "provider_unavailable", True, None),
        (b"", "provider_unavailable", True, None),
        (b"220 mail.example ESMTP\r\n", "provider_unavailable", True, None),
    ],
)
async def test_every_answer_becomes_one_error(answer: bytes, code: str, retryable: bool, wait: int | None) -> None:
    async with scripted(answer) as (_, provider):
        error = await failure(provider)
    assert (error.code, error.retryable, error.retry_after_ms) == (code, retryable, wait)
    assert KEY not in str(error)


async def test_no_answer_in_time_is_a_timeout() -> None:
    async with scripted(answered(), delay_s=1.0) as (_, provider):
        error = await failure(provider, replace(REQUEST, timeout_s=0.1))
    assert (error.code, error.retryable, error.details["outcome"]) == ("provider_timeout", True, "unknown")


async def test_nobody_there_is_unavailable() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        provider = OpenAIProvider(KEY, f"http://127.0.0.1:{reserved.getsockname()[1]}/v1")
        error = await failure(provider)
        await provider.close()
    assert (error.code, error.retryable, error.details["outcome"]) == ("provider_unavailable", True, "not_sent")


async def test_openai_itself_is_asked_with_its_newer_field() -> None:
    provider = OpenAIProvider(KEY)
    assert provider._wire.body(REQUEST)["max_completion_tokens"] == REQUEST.max_tokens
    await provider.close()
