"""What a model provider's HTTP answers and aiohttp's exceptions mean for a step: the one place that maps them.

=====================================  =======================  ==========
what came                              code                     retryable
=====================================  =======================  ==========
429                                    rate_limited             yes, after what headers and body say
402, or a quota or credit used up      provider_no_credit       no: waiting does not refill an account
408, no answer in time                 provider_timeout         yes; the outcome is unknown
5xx, no connection                     provider_unavailable     yes; after 502 and 504 the outcome is unknown
401, 403                               provider_auth            no
the prompt is too long for the model   context_too_long         no
a content filter refuses the prompt    content_filtered         no
any other status                       provider_rejected        no
a body that is no answer               provider_error           yes
=====================================  =======================  ==========

A field that a wire cannot express is a final ``unsupported_parameter`` before anything is sent. Some services answer
200 with an error in the body; its own code then stands in for the status.
"""

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp

from connectors.providers.header_values import duration_ms, number, until_ms
from connectors.providers.json_body import read_json
from connectors.providers.wire import an_object
from schemas.errors import StepError

_LONGEST_MESSAGE = 500
_NO_CREDIT = frozenset(
    {
        "insufficient_quota",
        "billing_hard_limit_reached",
        "billing_error",
        "credit_balance_exhausted",
        "enforced_spend_limit_reached",
    }
)
_NO_CREDIT_WORDS = ("credit balance is too low", "reached your specified api usage limits", "api calls / month")
_TOO_LONG = frozenset({"context_length_exceeded", "model_context_window_exceeded"})
_TOO_LONG_WORDS = (
    "maximum context length",
    "prompt is too long",
    "input token count",
    "too many tokens",
    "exceed context limit",
)
_FILTERED = frozenset({"content_filter", "content_policy_violation", "responsible_ai_policy_violation"})
#: Types and codes of errors, for those that come in a body without a status: Anthropic's first, then OpenAI's.
_STATUS_OF_TYPE = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "timeout_error": 504,
    "api_error": 500,
    "overloaded_error": 529,
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "server_error": 500,
}
#: A provider that requests more than an hour is tried after an hour: the limits of the budget or the run decide then.
_LONGEST_WAIT_MS = 3_600_000
#: Statuses of a gateway without an answer from its backend, which may have worked and will bill it.
_GATEWAY = (502, 504)


def from_status(
    provider: str, status: int, headers: Mapping[str, str], body: bytes, *, now: datetime, secret: str = ""
) -> StepError:
    """Return the error for an answer that is not a success.

    ``secret`` is redacted from the provider's message. ``headers`` must be looked up by lower-case names.
    """
    document = _document(body)
    message, code = _said(document, body, secret)
    text = f"{provider}: HTTP {status}: {message}" if message else f"{provider}: HTTP {status}"
    details = {"status": str(status)}
    if request_id := headers.get("x-request-id") or headers.get("request-id"):
        details["request_id"] = request_id[:200]
    if 400 <= status < 500 and (final := _final(status, code, message)) is not None:
        known, fix = final
        return StepError(known, f"{text}; {fix}", details=details)
    wait = retry_after_ms(headers, now)
    if status == 429:
        wait = wait if wait is not None else _wait_in_body(document)
        return StepError("rate_limited", text, retryable=True, retry_after_ms=wait, details=details)
    if status == 408:
        return StepError("provider_timeout", text, retryable=True, retry_after_ms=wait, details=details)
    if status in _GATEWAY:
        details["outcome"] = "unknown"
    if status >= 500:
        return StepError("provider_unavailable", text, retryable=True, retry_after_ms=wait, details=details)
    if 300 <= status < 400:
        text += "; the provider's base URL redirects, set it to where it leads"
    return StepError("provider_rejected", text, details=details)


def status_of_error(received: object) -> int | None:
    """Return the status that an error in a success's body stands for; ``None`` when the body is no error."""
    error = received.get("error") if isinstance(received, dict) else None
    if not isinstance(error, dict) or not (error.get("message") or error.get("type")):
        return None
    if an_object(received).get("usage"):
        return None  # it was counted, so it is read as an answer
    code = error.get("code")
    if isinstance(code, int) and not isinstance(code, bool) and 400 <= code < 600:
        return code
    named = (_STATUS_OF_TYPE.get(str(error.get(name) or "")) for name in ("type", "code"))
    return next((status for status in named if status is not None), 500)


def status_of_frame(name: str, value: dict[str, Any]) -> int | None:
    """Return the status that an event of a stream stands for; ``None`` when it is no error. ``name`` is its type."""
    if value.get("type") == "error" and "error" not in value:
        return status_of_error({"error": value | {"type": value.get("code"), "message": value.get("message") or "-"}})
    if name == "error" and "error" not in value:
        return status_of_error({"error": value | {"message": value.get("message") or "-"}})
    return status_of_error(value)


def cut(provider: str) -> StepError:
    """Return the error for a stream that ended before the answer did."""
    return StepError(
        "provider_unavailable",
        f"{provider}: the stream ended before the answer did",
        retryable=True,
        details={"outcome": "unknown"},
    )


def _final(status: int, code: str, message: str) -> tuple[str, str] | None:
    """Return code and fix of an error that a retry cannot help, if it is one of those with a code of its own."""
    said = message.lower()
    if status == 402 or code in _NO_CREDIT or any(words in said for words in _NO_CREDIT_WORDS):
        return "provider_no_credit", "add credit to the provider's account"
    if status in (401, 403):
        return "provider_auth", "check the provider's API key"
    if status == 429:
        return None
    if code in _TOO_LONG or any(words in said for words in _TOO_LONG_WORDS):
        return "context_too_long", "shorten the prompt, lower max_tokens or pin a model with a longer context"
    if code in _FILTERED:
        return "content_filtered", "change the prompt or the model"
    return None


def from_exception(provider: str, exc: aiohttp.ClientError | ValueError, timeout_s: float) -> StepError:
    """Return the error for a request without a complete answer; ``details.outcome`` states whether it is known."""
    if isinstance(exc, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError | aiohttp.ClientHttpProxyError):
        return StepError(
            "provider_unavailable",
            f"{provider}: cannot connect ({_named(exc)}); check its base URL and that it runs",
            retryable=True,
            details={"outcome": "not_sent"},
        )
    if isinstance(exc, aiohttp.ServerTimeoutError):
        return timed_out(provider, timeout_s)
    if isinstance(exc, ValueError | aiohttp.NonHttpUrlClientError):
        return StepError("provider_rejected", f"{provider}: the request cannot be sent ({_named(exc)})")
    return StepError(
        "provider_unavailable",
        f"{provider}: the connection broke before the answer was whole ({_named(exc)})",
        retryable=True,
        details={"outcome": "unknown"},
    )


def timed_out(provider: str, timeout_s: float) -> StepError:
    """Return the error for no answer in time."""
    return StepError(
        "provider_timeout",
        f"{provider}: no answer within {timeout_s:g} s; allow more time with policy.timeout_ms",
        retryable=True,
        details={"outcome": "unknown"},
    )


def silent(provider: str, silence_s: float) -> StepError:
    """Return the error for an answer that began and did not go on."""
    return StepError(
        "provider_timeout",
        f"{provider}: the answer stopped for {silence_s:g} s",
        retryable=True,
        details={"outcome": "unknown"},
    )


def malformed(provider: str, expected: str, why: str) -> StepError:
    """Return the error for a success whose body is not what was ``expected``."""
    return StepError(
        "provider_error",
        f"{provider}: the answer is not {expected}: {why[:_LONGEST_MESSAGE]}",
        retryable=True,
        details={"outcome": "unknown"},
    )


def retry_after_ms(headers: Mapping[str, str], now: datetime) -> int | None:
    """Return the wait that a provider requests, in milliseconds, or ``None`` if it requests none.

    ``retry-after-ms`` wins over ``Retry-After`` (seconds or a date), which wins over ``x-ratelimit-reset-*`` (``6m0s``)
    and ``anthropic-ratelimit-*-reset`` (a time) of the exhausted limit, or the longest of these if no header names it.
    """
    exact = number(headers.get("retry-after-ms"))
    wait = exact if exact is not None else _retry_after(headers.get("retry-after"), now)
    if wait is None:
        wait = _resets(headers, now)
    return None if wait is None or not math.isfinite(wait) else math.ceil(min(max(wait, 0), _LONGEST_WAIT_MS))


def _retry_after(value: str | None, now: datetime) -> float | None:
    seconds = number(value)
    if seconds is not None:
        return seconds * 1000
    try:
        date = parsedate_to_datetime(value or "")
        # A date without a zone is in UTC.
        return ((date if date.tzinfo else date.replace(tzinfo=UTC)) - now).total_seconds() * 1000
    except (ValueError, OverflowError):
        return None  # no date, or one that no clock reaches


def _resets(headers: Mapping[str, str], now: datetime) -> float | None:
    used_up: list[float] = []
    others: list[float] = []
    for left, wait in _limits(headers, now):
        if wait is not None:
            (used_up if left == 0 else others).append(wait)
    return max(used_up or others, default=None)


def _limits(headers: Mapping[str, str], now: datetime) -> Iterator[tuple[float | None, float | None]]:
    """Yield what is left of each limit that headers name, and how long until it is refilled in milliseconds."""
    for what in ("requests", "tokens"):
        left = number(headers.get(f"x-ratelimit-remaining-{what}"))
        yield left, duration_ms(headers.get(f"x-ratelimit-reset-{what}"))
    for what in ("requests", "tokens", "input-tokens", "output-tokens"):
        left = number(headers.get(f"anthropic-ratelimit-{what}-remaining"))
        yield left, until_ms(headers.get(f"anthropic-ratelimit-{what}-reset"), now)


def _document(body: bytes) -> object:
    try:
        return read_json(body).value
    except (ValueError, RecursionError):
        return None


def _said(document: object, body: bytes, secret: str) -> tuple[str, str]:
    """Return the provider's message and its error code, as far as the body has them."""
    error = document.get("error", document) if isinstance(document, dict) else document
    message: object = error
    code: object = ""
    if isinstance(error, dict):
        message = error.get("message") or error.get("detail") or ""
        named = [error.get(name) for name in ("code", "type", "status")]
        code = next((one for one in named if one and isinstance(one, str)), "")
    text = message if isinstance(message, str) else body.decode("utf-8", "replace")
    text = " ".join(text.split())
    if secret:
        text = text.replace(secret, "***")
    return text[:_LONGEST_MESSAGE], code if isinstance(code, str) else ""


def _wait_in_body(document: object) -> int | None:
    """Return the wait in Google's error details, in milliseconds; of its daily quotas the longest that is waited."""
    error = document.get("error") if isinstance(document, dict) else None
    details = error.get("details") if isinstance(error, dict) else None
    waits: list[float] = []
    for detail in details if isinstance(details, list) else ():
        if not isinstance(detail, dict):
            continue
        if "PerDay" in str(detail.get("violations", "")):
            return _LONGEST_WAIT_MS
        delay = duration_ms(detail.get("retryDelay") if isinstance(detail.get("retryDelay"), str) else None)
        if delay is not None and math.isfinite(delay):
            waits.append(delay)
    return math.ceil(min(max(waits), _LONGEST_WAIT_MS)) if waits else None


def _named(exc: Exception) -> str:
    said = str(exc)
    return f"{type(exc).__name__}: {said}"[:_LONGEST_MESSAGE] if said else type(exc).__name__
