"""The local models as a process of their own: counted calls, behaviour at run time, OpenAI's wire format."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from connectors.providers.base import ModelRequest
from connectors.providers.conversation import ToolSpec, Turn
from connectors.providers.deltas import End, TextDelta
from connectors.providers.embeddings import EmbeddingRequest
from connectors.providers.local.client import LocalHttpProvider
from connectors.providers.local.embedding import EMBED
from connectors.providers.local.provider import LocalProvider
from schemas.errors import StepError

ROOT = Path(__file__).parents[3]
REQUEST = ModelRequest(
    model="local-echo", prompt="Analyze this document: one two", max_tokens=20, idempotency_key="run/step/1"
)


class Server:
    """A running local_server."""

    def __init__(self, *options: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "connectors.providers.local.server", "--port", "0", *options],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.where: dict[str, Any] = json.loads(self.process.stdout.readline())
        self.url: str = self.where["url"]

    def calls(self) -> dict[str, Any]:
        answer: dict[str, Any] = httpx.get(f"{self.url}/calls").raise_for_status().json()
        return answer

    def billed(self) -> dict[str, Any]:
        answer: dict[str, Any] = httpx.get(f"{self.url}/billed").raise_for_status().json()["by_key"]
        return answer

    def behave(self, **changes: object) -> None:
        httpx.post(f"{self.url}/behaviour", json=changes).raise_for_status()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=20)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@pytest.fixture(scope="module")
def shared() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


DEFAULTS = {
    "latency_ms": 0,
    "jitter_ms": 0,
    "error_rate": 0.0,
    "timeout_rate": 0.0,
    "garbage_rate": 0.0,
    "rate_limit_per_s": 0.0,
    "seed": 0,
    "echo": False,
}


@pytest.fixture
def server(shared: Server) -> Server:
    """The shared process, well behaved and with no call counted."""
    httpx.post(f"{shared.url}/calls/reset").raise_for_status()
    shared.behave(**DEFAULTS)
    return shared


@pytest.fixture
async def provider(server: Server) -> AsyncIterator[LocalHttpProvider]:
    client = LocalHttpProvider(server.url)
    yield client
    await client.close()


async def failure(provider: LocalHttpProvider, request: ModelRequest) -> StepError:
    with pytest.raises(StepError) as caught:
        await provider.complete(request)
    return caught.value


def test_it_says_where_it_is_and_ends_cleanly() -> None:
    started = time.monotonic()
    server = Server("--latency-ms", "1", "--echo")
    took = time.monotonic() - started
    assert server.where["pid"] == server.process.pid
    assert server.url == f"http://127.0.0.1:{server.where['port']}"
    assert httpx.get(f"{server.url}/behaviour").json() == DEFAULTS | {"latency_ms": 1, "echo": True}
    assert server.stop() == 0
    assert took < 20
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", server.where["port"])) != 0


def test_a_hanging_call_does_not_keep_it() -> None:
    server = Server("--timeout-rate", "1")
    with socket.create_connection(("127.0.0.1", server.where["port"])) as hanging:
        body = json.dumps({"model": "local-echo", "messages": [{"role": "user", "content": "x"}]})
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        hanging.sendall((head + body).encode())
        deadline = time.monotonic() + 10
        while server.calls()["total"] == 0:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert server.stop() == 0


def test_bad_options_are_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "connectors.providers.local.server", "--error-rate", "3"],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert "error_rate is 3.0" in done.stderr


async def test_both_ways_to_the_model_give_one_answer(provider: LocalHttpProvider) -> None:
    here = LocalProvider()
    text = (ROOT / "examples" / "documents" / "gettysburg.txt").read_text(encoding="utf-8")
    for model in ("local-gold", "local-silver", "local-bronze", "local-echo"):
        request = replace(REQUEST, model=model, prompt=f"Analyze this document: {text}", max_tokens=300)
        assert await provider.complete(request) == await here.complete(request)
        assert provider.count_tokens(model, text) == here.count_tokens(model, text)
    await here.close()


async def test_a_stream_ends_in_the_answer_of_the_plain_call(provider: LocalHttpProvider) -> None:
    plain = await provider.complete(REQUEST)
    async with aclosing(provider.stream(replace(REQUEST, idempotency_key="streamed"))) as deltas:
        found = [delta async for delta in deltas]
    assert isinstance(found[-1], End)
    assert (found[-1].response.text, found[-1].response.usage) == (plain.text, plain.usage)
    assert len([delta for delta in found if isinstance(delta, TextDelta)]) > 2


async def test_calls_are_counted_by_idempotency_key(server: Server, provider: LocalHttpProvider) -> None:
    for key in ("a", "b", "a", "a"):
        await provider.complete(replace(REQUEST, idempotency_key=key))
    counted = server.calls()
    assert counted == {
        "total": 4,
        "repeated": 2,
        "by_key": {"a": 3, "b": 1},
        "by_status": {"200": 4},
    }
    billed = server.billed()
    assert {key: len(answers) for key, answers in billed.items()} == {"a": 3, "b": 1}
    expected = (await provider.complete(REQUEST)).usage
    assert billed["b"] == [[expected.input_tokens, expected.output_tokens]]


async def test_a_failed_call_is_counted_too(server: Server, provider: LocalHttpProvider) -> None:
    server.behave(error_rate=1.0)
    assert (await failure(provider, REQUEST)).code == "provider_unavailable"
    assert server.calls()["by_key"] == {REQUEST.idempotency_key: 1}
    assert server.calls()["by_status"] == {"503": 1}
    assert server.billed() == {}, "what failed is not billed"


async def test_rate_limits_come_with_the_wait(server: Server, provider: LocalHttpProvider) -> None:
    server.behave(rate_limit_per_s=0.5)
    await provider.complete(REQUEST)
    error = await failure(provider, REQUEST)
    assert (error.code, error.retryable) == ("rate_limited", True)
    assert error.retry_after_ms is not None
    assert 1000 < error.retry_after_ms <= 2001


async def test_garbage_and_silence(server: Server, provider: LocalHttpProvider) -> None:
    server.behave(garbage_rate=1.0)
    error = await failure(provider, REQUEST)
    assert (error.code, error.retryable) == ("provider_error", True)
    server.behave(garbage_rate=0.0, timeout_rate=1.0)
    error = await failure(provider, replace(REQUEST, timeout_s=0.2))
    assert (error.code, error.retryable) == ("provider_timeout", True)


async def test_the_same_keys_fail_in_every_process(server: Server, provider: LocalHttpProvider) -> None:
    server.behave(error_rate=0.5, seed=11)
    here = LocalProvider()
    here.behaviour = here.behaviour.changed({"error_rate": 0.5, "seed": 11})
    fates: list[tuple[bool, bool]] = []
    for n in range(30):
        request = replace(REQUEST, idempotency_key=f"k{n}")
        answers = await asyncio.gather(provider.complete(request), here.complete(request), return_exceptions=True)
        fates.append((isinstance(answers[0], StepError), isinstance(answers[1], StepError)))
    assert all(there == local for there, local in fates)
    assert 5 < sum(there for there, _ in fates) < 25
    await here.close()


async def test_many_calls_at_once_are_all_counted(server: Server, provider: LocalHttpProvider) -> None:
    server.behave(latency_ms=20)
    started = time.monotonic()
    requests = [replace(REQUEST, idempotency_key=f"k{n}") for n in range(100)]
    answers = await asyncio.gather(*(provider.complete(request) for request in requests))
    assert {answer.text for answer in answers} == {REQUEST.prompt}
    assert server.calls()["total"] == 100
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("/behaviour", b'{"latency": 5}', 400, "no behaviour 'latency'"),
        ("/behaviour", b"[1]", 400, "must be a JSON object"),
        ("/v1/chat/completions", b"{", 400, ""),
        ("/v1/chat/completions", b"[" * 100_000, 400, "must be a JSON object"),
        ("/v1/chat/completions", b'{"model": 5}', 400, "'model' must be a string"),
        ("/v1/chat/completions", b'{"model": "local-echo", "messages": []}', 400, "'messages' must be"),
        (
            "/v1/chat/completions",
            b'{"model": "m", "messages": [{"content": "x"}]}',
            400,
            "no model 'm'",
        ),
        (
            "/v1/chat/completions",
            b'{"model": "local-echo", "messages": [{"content": "x"}], "max_tokens": 0}',
            400,
            "'max_tokens' must be",
        ),
        ("/nowhere", b"{}", 404, "there is no POST /nowhere"),
    ],
)
def test_bad_requests_are_answered_in_words(server: Server, path: str, body: bytes, status: int, said: str) -> None:
    answer = httpx.post(f"{server.url}{path}", content=body)
    assert answer.status_code == status
    assert said in answer.json()["error"]["message"]


def test_the_real_sdk_can_talk_to_it(server: Server) -> None:
    with openai.OpenAI(api_key="unused", base_url=f"{server.url}/v1", max_retries=0) as client:
        answer = client.chat.completions.create(
            model="local-bronze",
            messages=[
                {"role": "system", "content": "Analyze this document:"},
                {"role": "user", "content": "Light is mixed of many colours. A prism takes them apart again."},
            ],
            max_completion_tokens=100,
            extra_headers={"Idempotency-Key": "from-the-sdk"},
        )
        assert answer.choices[0].message.content is not None
        assert "A prism takes them apart again." in answer.choices[0].message.content
        assert answer.usage is not None
        assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 20
        assert "local-gold" in [model.id for model in client.models.list()]
        server.behave(rate_limit_per_s=0.001)
        client.chat.completions.create(model="local-echo", messages=[{"role": "user", "content": "x"}])
        with pytest.raises(openai.RateLimitError):
            client.chat.completions.create(model="local-echo", messages=[{"role": "user", "content": "x"}])
    assert server.calls()["by_key"]["from-the-sdk"] == 1


def test_the_real_sdk_reads_its_streams(server: Server) -> None:
    asked: dict[str, Any] = {"model": "local-echo", "messages": [{"role": "user", "content": "Say one two"}]}
    with openai.OpenAI(api_key="unused", base_url=f"{server.url}/v1", max_retries=0) as client:
        plain = client.chat.completions.create(**asked)
        chunks = list(client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    said = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
    assert "".join(said) == plain.choices[0].message.content
    assert len([one for one in said if one]) > 2
    assert (chunks[-1].choices, chunks[-1].usage) == ([], plain.usage)


async def test_both_ways_to_vectors_give_the_same_and_the_real_sdk_reads_them(
    server: Server, provider: LocalHttpProvider
) -> None:
    request, here = EmbeddingRequest(EMBED, ("one two", "three"), "k", dimensions=16), LocalProvider()
    there, local = await provider.embed(request), await here.embed(request)
    await here.close()
    assert (there.vectors, there.usage) == (local.vectors, local.usage)
    async with openai.AsyncOpenAI(api_key="unused", base_url=f"{server.url}/v1", max_retries=0) as client:
        answer = await client.embeddings.create(model=EMBED, input=["one two", "three"], dimensions=16)
        with pytest.raises(openai.BadRequestError, match="'input' must be a text or a list of texts"):
            await client.embeddings.create(model=EMBED, input=[])
    assert [one.embedding for one in answer.data] == [pytest.approx(vector) for vector in local.vectors]


TOOL = ToolSpec("library.search", "Search.", {"type": "object", "properties": {"text": {"type": "string"}}})
ASKING = 'Analyze this: one\n@tool library.search {"text": "whales"}\n\n@tool library.search {"text": "krill"}'


async def test_tools_over_http_are_called_as_in_the_process(server: Server) -> None:
    over_http, here = LocalHttpProvider(server.url), LocalProvider()
    turns: tuple[Turn, ...] = ()
    for n in range(3):
        request = replace(REQUEST, prompt=ASKING, tools=(TOOL,), turns=turns, idempotency_key=f"k{n}")
        there, local = await over_http.complete(request), await here.complete(request)
        assert (there.asked, there.text, there.usage) == (local.asked, local.text, local.usage)
        assert len(there.asked) == (1 if n < 2 else 0)
        turns = (*turns, Turn(there.text, there.asked, tuple(f"result {n}" for _ in there.asked)))
    assert there.text.endswith("result 1")
    await over_http.close()
    await here.close()
