"""What can go wrong with a provider: one meaning for all wires, with the right money."""

import asyncio
import contextlib
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from schemas.errors import StepError
from tests.support.wire_fixtures import PROVIDERS, fixture, provider_at, request_of
from tests.support.wire_server import SPEECHES, Reply, wire_server


@dataclass(frozen=True)
class Meaning:
    """What an answer means. ``outcome`` is unknown when the call may have worked and may be billed."""

    code: str
    retryable: bool
    outcome: str | None = None
    retry_after_ms: int | None = None


def soon(seconds: int) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


async def failure(provider: str, reply: Reply, timeout_s: float = 10) -> StepError:
    case = fixture(provider, "plain")
    request = replace(request_of(case["model"], case["request"]), timeout_s=timeout_s)
    async with wire_server(provider, reply) as server:
        client = provider_at(provider, server.url)
        with pytest.raises(StepError) as caught:
            await client.complete(request)
        await client.close()
    return caught.value


def meaning(error: StepError) -> Meaning:
    return Meaning(error.code, error.retryable, error.details.get("outcome"), error.retry_after_ms)


STATUSES = [
    (400, {}, Meaning("provider_rejected", retryable=False)),
    (401, {}, Meaning("provider_auth", retryable=False)),
    (402, {}, Meaning("provider_no_credit", retryable=False)),
    (403, {}, Meaning("provider_auth", retryable=False)),
    (404, {}, Meaning("provider_rejected", retryable=False)),
    (408, {}, Meaning("provider_timeout", retryable=True)),
    (413, {}, Meaning("provider_rejected", retryable=False)),
    (422, {}, Meaning("provider_rejected", retryable=False)),
    (429, {}, Meaning("rate_limited", retryable=True)),
    (429, {"Retry-After": "2"}, Meaning("rate_limited", retryable=True, retry_after_ms=2_000)),
    (429, {"Retry-After": "1" * 400}, Meaning("rate_limited", retryable=True)),
    (429, {"Retry-After": "Fri, 01 Jan 99999999999999999999 00:00:00 GMT"}, Meaning("rate_limited", retryable=True)),
    (429, {"x-ratelimit-reset-tokens": "6m0s"}, Meaning("rate_limited", retryable=True, retry_after_ms=360_000)),
    (500, {}, Meaning("provider_unavailable", retryable=True)),
    (502, {}, Meaning("provider_unavailable", retryable=True, outcome="unknown")),
    (503, {"Retry-After": "1"}, Meaning("provider_unavailable", retryable=True, retry_after_ms=1_000)),
    (504, {}, Meaning("provider_unavailable", retryable=True, outcome="unknown")),
    (529, {}, Meaning("provider_unavailable", retryable=True)),
    (301, {"Location": "http://127.0.0.1:1/"}, Meaning("provider_rejected", retryable=False)),
]


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(("status", "headers", "means"), STATUSES)
async def test_each_status_has_one_meaning_on_every_wire(
    provider: str, status: int, headers: Mapping[str, str], means: Meaning
) -> None:
    body = SPEECHES[provider].error(status, "the provider's own words")
    error = await failure(provider, Reply(body, status, headers))
    assert meaning(error) == means
    name = "openai" if provider == "responses" else provider
    assert f"{name}: HTTP {status}: the provider's own words" in str(error)


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_date_in_retry_after_is_a_wait(provider: str) -> None:
    error = await failure(provider, Reply({}, 429, {"Retry-After": soon(90)}))
    assert error.retry_after_ms is not None
    assert 80_000 < error.retry_after_ms <= 90_000


SAYINGS: list[tuple[str, int, Any, Meaning]] = [
    (
        "openai",
        429,
        {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}},
        Meaning("provider_no_credit", retryable=False),
    ),
    (
        "openai",
        400,
        {"error": {"message": "This model's maximum context length is 8192 tokens", "code": "context_length_exceeded"}},
        Meaning("context_too_long", retryable=False),
    ),
    (
        "openai",
        400,
        {"error": {"message": "The response was filtered", "code": "content_filter"}},
        Meaning("content_filtered", retryable=False),
    ),
    (
        "anthropic",
        400,
        {"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 2 tokens > 1"}},
        Meaning("context_too_long", retryable=False),
    ),
    (
        "anthropic",
        400,
        {"type": "error", "error": {"type": "invalid_request_error", "message": "Your credit balance is too low to …"}},
        Meaning("provider_no_credit", retryable=False),
    ),
    (
        "anthropic",
        529,
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
        Meaning("provider_unavailable", retryable=True),
    ),
    (
        "google",
        400,
        {"error": {"code": 400, "message": "The input token count (9) exceeds the maximum", "status": "INVALID"}},
        Meaning("context_too_long", retryable=False),
    ),
    (
        "google",
        429,
        {
            "error": {
                "code": 429,
                "message": "slow",
                "details": [{"@type": "x/RetryInfo", "retryDelay": "45.837906927s"}],
            }
        },
        Meaning("rate_limited", retryable=True, retry_after_ms=45_838),
    ),
    (
        "google",
        429,
        {
            "error": {
                "code": 429,
                "message": "slow",
                "details": [
                    {"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel"}]},
                    {"retryDelay": "1s"},
                ],
            }
        },
        Meaning("rate_limited", retryable=True, retry_after_ms=3_600_000),
    ),
    (
        "google",
        429,
        {"error": {"message": "slow", "details": [{"retryDelay": "9" * 400 + "s"}, 7, {"retryDelay": 5}]}},
        Meaning("rate_limited", retryable=True),
    ),
    (
        "cohere",
        400,
        {"message": "too many tokens: total number of tokens in the prompt cannot exceed 128000"},
        Meaning("context_too_long", retryable=False),
    ),
    (
        "cohere",
        429,
        {"message": "You are using a Trial key, which is limited to 1000 API calls / month."},
        Meaning("provider_no_credit", retryable=False),
    ),
    # An error in the body of a success.
    ("compatible", 200, {"error": {"message": "slow down", "code": 429}}, Meaning("rate_limited", retryable=True)),
    ("openai", 200, {"error": {"message": "it broke"}}, Meaning("provider_unavailable", retryable=True)),
    (
        "anthropic",
        200,
        {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}},
        Meaning("rate_limited", retryable=True),
    ),
    (
        "anthropic",
        200,
        {"type": "error", "error": {"type": "billing_error", "message": "no money"}},
        Meaning("provider_no_credit", retryable=False),
    ),
]


@pytest.mark.parametrize(("provider", "status", "body", "means"), SAYINGS)
async def test_what_a_provider_says_decides(provider: str, status: int, body: Any, means: Meaning) -> None:
    assert meaning(await failure(provider, Reply(body, status))) == means


async def test_anthropic_says_when_a_limit_is_refilled() -> None:
    headers = {
        "anthropic-ratelimit-requests-remaining": "10",
        "anthropic-ratelimit-requests-reset": (datetime.now(UTC) + timedelta(seconds=500)).isoformat(),
        "anthropic-ratelimit-input-tokens-remaining": "0",
        "anthropic-ratelimit-input-tokens-reset": (datetime.now(UTC) + timedelta(seconds=30)).isoformat(),
        "anthropic-ratelimit-output-tokens-reset": "soon",
    }
    error = await failure("anthropic", Reply({}, 429, headers))
    assert error.retry_after_ms is not None
    assert 20_000 < error.retry_after_ms <= 30_000


NO_ANSWERS: list[tuple[Any, Mapping[str, str]]] = [
    ("", {}),
    ("not json", {}),
    ("<html>a page of a proxy</html>", {"Content-Type": "text/html"}),
    ("[]", {}),
    ("null", {}),
    ("7", {}),
    ("{}", {}),
    ('{"choices": [], "candidates": [], "content": 5, "message": 5}', {}),
    ("[" * 100_000, {}),
    (b"\xff\xfe", {}),
    (b"not gzip", {"Content-Encoding": "gzip"}),
]


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(("body", "headers"), NO_ANSWERS, ids=range(len(NO_ANSWERS)))
async def test_a_success_without_an_answer_may_have_been_billed(
    provider: str, body: Any, headers: Mapping[str, str]
) -> None:
    error = await failure(provider, Reply(body, 200, headers))
    assert meaning(error) == Meaning("provider_error", retryable=True, outcome="unknown")
    assert len(str(error)) < 700


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_compressed_answer_is_read(provider: str) -> None:
    case = fixture(provider, "plain")
    body = gzip.compress(json.dumps(case["received"]).encode())
    async with wire_server(provider, Reply(body, 200, {"Content-Encoding": "gzip"})) as server:
        client = provider_at(provider, server.url)
        assert (await client.complete(request_of(case["model"], case["request"]))).text == "Paris."
        await client.close()


async def _serve(writer: asyncio.StreamWriter, data: bytes | None) -> None:
    try:
        if data is None:
            await asyncio.sleep(30)
        else:
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    ("data", "means"),
    [
        (b"", Meaning("provider_unavailable", retryable=True, outcome="unknown")),
        (b"no http\r\n\r\n", Meaning("provider_unavailable", retryable=True, outcome="unknown")),
        (
            b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"cut',
            Meaning("provider_unavailable", retryable=True, outcome="unknown"),
        ),
        (None, Meaning("provider_timeout", retryable=True, outcome="unknown")),
    ],
    ids=["closed", "no http", "cut", "silent"],
)
async def test_a_connection_that_breaks_leaves_the_outcome_unknown(
    provider: str, data: bytes | None, means: Meaning
) -> None:
    serving: set[asyncio.Task[None]] = set()

    def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.ensure_future(_serve(writer, data)))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    client = provider_at(provider, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
    case = fixture(provider, "plain")
    with pytest.raises(StepError) as caught:
        await client.complete(replace(request_of(case["model"], case["request"]), timeout_s=0.3))
    await client.close()
    for task in serving:
        task.cancel()
    await asyncio.gather(*serving, return_exceptions=True)
    server.close()
    await server.wait_closed()
    assert meaning(caught.value) == means


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_server_that_is_not_there_was_not_asked(provider: str) -> None:
    client = provider_at(provider, "http://127.0.0.1:1/v1")
    case = fixture(provider, "plain")
    with pytest.raises(StepError) as caught:
        await client.complete(request_of(case["model"], case["request"]))
    await client.close()
    assert meaning(caught.value) == Meaning("provider_unavailable", retryable=True, outcome="not_sent")
