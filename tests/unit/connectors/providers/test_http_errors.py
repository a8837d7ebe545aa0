"""What a provider's status, headers and body mean for a step."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from connectors.providers import http_errors

KEY = ConnectionKey("provider", 443, True, True, None, None, None)
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "code", "retryable"),
    [
        (429, "rate_limited", True),
        (408, "provider_timeout", True),
        (500, "provider_unavailable", True),
        (502, "provider_unavailable", True),
        (529, "provider_unavailable", True),
        (401, "provider_auth", False),
        (403, "provider_auth", False),
        (400, "provider_rejected", False),
        (404, "provider_rejected", False),
        (422, "provider_rejected", False),
        (302, "provider_rejected", False),
    ],
)
def test_each_status_has_one_meaning(status: int, code: str, retryable: bool) -> None:
    error = http_errors.from_status("openai", status, {}, b"", now=NOW)
    assert (error.code, error.retryable) == (code, retryable)
    assert f"HTTP {status}" in str(error)
    assert error.details["status"] == str(status)


def test_an_empty_account_is_not_retried() -> None:
    body = json.dumps({"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}).encode()
    error = http_errors.from_status("openai", 429, {"retry-after": "1"}, body, now=NOW)
    assert (error.code, error.retryable) == ("provider_no_credit", False)
    assert "add credit" in str(error)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2000),
        ({"retry-after": "0.5"}, 500),
        ({"retry-after-ms": "120", "retry-after": "2"}, 120),
        ({"retry-after": format_datetime(NOW + timedelta(seconds=90), usegmt=True)}, 90_000),
        ({"retry-after": format_datetime(NOW - timedelta(seconds=90), usegmt=True)}, 0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "1e308"}, None),
        ({"retry-after": "Fri, 01 Jan 99999999999999999999 00:00:00 GMT"}, None),
        ({"retry-after": "Fri, 31 Dec 0001 00:00:00 +2359"}, 0),
        ({"x-ratelimit-reset-tokens": "9" * 400 + "s"}, None),
        ({"retry-after": "99999999"}, 3_600_000),
        ({"x-ratelimit-reset-requests": "6m0s"}, 360_000),
        ({"x-ratelimit-reset-tokens": "1.5s", "x-ratelimit-reset-requests": "20ms"}, 1500),
        (
            {
                "x-ratelimit-reset-tokens": "6m",
                "x-ratelimit-remaining-tokens": "100",
                "x-ratelimit-reset-requests": "1s",
                "x-ratelimit-remaining-requests": "0",
            },
            1000,
        ),
        ({"x-ratelimit-reset-requests": "1h2m3s"}, 3_600_000),
        ({"x-ratelimit-reset-requests": "7"}, 7000),
        ({"x-ratelimit-reset-requests": "1s and more"}, None),
        ({"retry-after": "3", "x-ratelimit-reset-requests": "9s"}, 3000),
    ],
)
def test_the_wait_comes_from_the_headers(headers: dict[str, str], wait: int | None) -> None:
    assert http_errors.retry_after_ms(headers, NOW) == wait
    assert http_errors.from_status("openai", 429, headers, b"", now=NOW).retry_after_ms == wait


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"error": {"message": "bad model", "type": "invalid_request_error"}}', "bad model"),
        (b'{"error": "bad model"}', "bad model"),
        (b'{"detail": "x", "message": "bad model"}', "bad model"),
        (b"<html>\n bad   model</html>", "<html> bad model</html>"),
        (b'{"error": {"message": 5}}', '{"error": {"message": 5}}'),
        (b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_the_providers_own_words_are_kept(body: bytes, said: str) -> None:
    assert str(http_errors.from_status("openai", 400, {}, body, now=NOW)) == f"openai: HTTP 400: {said}"


def test_a_long_message_is_cut_and_the_key_blotted_out() -> None:
    secret = "sk-very-secret"
    body = json.dumps({"error": {"message": f"wrong key {secret}: " + "x" * 5000}}).encode()
    error = http_errors.from_status("openai", 401, {}, body, now=NOW, secret=secret)
    assert secret not in str(error)
    assert "wrong key ***" in str(error)
    assert len(str(error)) < 700


def test_the_providers_request_id_is_kept() -> None:
    error = http_errors.from_status("openai", 500, {"x-request-id": "req_1"}, b"", now=NOW)
    assert error.details == {"status": "500", "request_id": "req_1"}


@pytest.mark.parametrize(
    ("exc", "code", "retryable", "outcome"),
    [
        (aiohttp.ClientConnectorError(KEY, OSError("refused")), "provider_unavailable", True, "not_sent"),
        (aiohttp.ClientConnectorDNSError(KEY, OSError("no name")), "provider_unavailable", True, "not_sent"),
        (aiohttp.ConnectionTimeoutError(""), "provider_unavailable", True, "not_sent"),
        (aiohttp.SocketTimeoutError(""), "provider_timeout", True, "unknown"),
        (aiohttp.ClientOSError("reset"), "provider_unavailable", True, "unknown"),
        (aiohttp.ServerDisconnectedError(), "provider_unavailable", True, "unknown"),
        (aiohttp.ClientPayloadError("cut"), "provider_unavailable", True, "unknown"),
        (aiohttp.NonHttpUrlClientError("ftp://x"), "provider_rejected", False, None),
        (aiohttp.InvalidURL("x"), "provider_rejected", False, None),
        (ValueError("a header with a line end"), "provider_rejected", False, None),
    ],
)
def test_each_exception_has_one_meaning(
    exc: aiohttp.ClientError | ValueError, code: str, retryable: bool, outcome: str | None
) -> None:
    error = http_errors.from_exception("openai", exc, 5.0)
    assert (error.code, error.retryable, error.details.get("outcome")) == (code, retryable, outcome)


@pytest.mark.parametrize("status", [502, 504])
def test_behind_a_gateway_somebody_may_have_worked(status: int) -> None:
    """Who may bill the call must be presumed to."""
    error = http_errors.from_status("openai", status, {}, b"", now=NOW)
    assert error.details == {"status": str(status), "outcome": "unknown"}


def test_half_a_surrogate_pair_in_a_message_can_be_recorded() -> None:
    error = http_errors.from_status("openai", 400, {}, b'{"error": {"message": "bad \\ud83d here"}}', now=NOW)
    assert "bad \ufffd here" in str(error)
    assert str(error).encode()
