"""What a model provider's HTTP answers and httpx's exceptions mean for a step: the one place that maps them.

=============================  =======================  ==========
what came                      code                     retryable
=============================  =======================  ==========
429                            rate_limited             yes, after what the headers say
429, quota used up             provider_rejected        no: waiting does not refill an account
408, no answer in time         provider_timeout         yes; the outcome is unknown
5xx, no connection             provider_unavailable     yes; after 502 and 504 the outcome is unknown
401, 403                       provider_auth            no
any other status               provider_rejected        no
a body that is no completion   provider_error           yes
=============================  =======================  ==========
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from connectors.providers.json_body import read_json
from schemas.errors import StepError

_LONGEST_MESSAGE = 500
#: A provider that requests more than an hour is tried after an hour: the limits of the budget or the run decide then.
_LONGEST_WAIT_MS = 3_600_000
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_UNIT_MS = {"h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
#: Statuses of a gateway without an answer from its backend, which may have worked and will bill it.
_GATEWAY = (502, 504)
_QUOTA_CODES = ("insufficient_quota", "billing_hard_limit_reached")


def from_status(
    provider: str, status: int, headers: Mapping[str, str], body: bytes, *, now: datetime, secret: str = ""
) -> StepError:
    """Return the error for an answer that is not a success.

    ``secret`` is redacted from the provider's message. ``headers`` must be looked up by lower-case names.
    """
    message, code = _said(body, secret)
    text = f"{provider}: HTTP {status}: {message}" if message else f"{provider}: HTTP {status}"
    details = {"status": str(status)}
    if request_id := headers.get("x-request-id"):
        details["request_id"] = request_id[:200]
    wait = retry_after_ms(headers, now)
    if status == 429 and code in _QUOTA_CODES:
        return StepError("provider_rejected", f"{text}; add credit to the provider's account", details=details)
    if status == 429:
        return StepError("rate_limited", text, retryable=True, retry_after_ms=wait, details=details)
    if status == 408:
        return StepError("provider_timeout", text, retryable=True, retry_after_ms=wait, details=details)
    if status in _GATEWAY:
        details["outcome"] = "unknown"
    if status >= 500:
        return StepError("provider_unavailable", text, retryable=True, retry_after_ms=wait, details=details)
    if status in (401, 403):
        return StepError("provider_auth", f"{text}; check the provider's API key", details=details)
    if 300 <= status < 400:
        text += "; the provider's base URL redirects, set it to where it leads"
    return StepError("provider_rejected", text, details=details)


def from_exception(provider: str, exc: httpx.HTTPError | httpx.InvalidURL, timeout_s: float) -> StepError:
    """Return the error for a request without a complete answer; ``details.outcome`` states whether it is known."""
    if isinstance(exc, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        return StepError(
            "provider_unavailable",
            f"{provider}: cannot connect ({_named(exc)}); check its base URL and that it runs",
            retryable=True,
            details={"outcome": "not_sent"},
        )
    if isinstance(exc, httpx.TimeoutException):
        return timed_out(provider, timeout_s)
    if isinstance(exc, httpx.UnsupportedProtocol | httpx.InvalidURL | httpx.LocalProtocolError):
        return StepError("provider_rejected", f"{provider}: the request cannot be sent ({_named(exc)})")
    if isinstance(exc, httpx.DecodingError):
        return malformed(provider, _named(exc))
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


def malformed(provider: str, why: str) -> StepError:
    """Return the error for a success whose body cannot be read."""
    return StepError(
        "provider_error",
        f"{provider}: the answer is not a chat completion: {why[:_LONGEST_MESSAGE]}",
        retryable=True,
        details={"outcome": "unknown"},
    )


def retry_after_ms(headers: Mapping[str, str], now: datetime) -> int | None:
    """Return the wait that a provider requests, in milliseconds, or ``None`` if it requests none.

    ``retry-after-ms`` wins over ``Retry-After`` (seconds or a date), which wins over ``x-ratelimit-reset-*`` (``6m0s``)
    of the exhausted limit, or the longest of these if no header names it.
    """
    exact = _number(headers.get("retry-after-ms"))
    wait = exact if exact is not None else _retry_after(headers.get("retry-after"), now)
    if wait is None:
        wait = _resets(headers)
    return None if wait is None or not math.isfinite(wait) else math.ceil(min(max(wait, 0), _LONGEST_WAIT_MS))


def _retry_after(value: str | None, now: datetime) -> float | None:
    seconds = _number(value)
    if seconds is not None:
        return seconds * 1000
    try:
        date = parsedate_to_datetime(value or "")
        # A date without a zone is in UTC.
        return ((date if date.tzinfo else date.replace(tzinfo=UTC)) - now).total_seconds() * 1000
    except (ValueError, OverflowError):
        return None  # no date, or one that no clock reaches


def _resets(headers: Mapping[str, str]) -> float | None:
    used_up: list[float] = []
    others: list[float] = []
    for what in ("requests", "tokens"):
        wait = _duration_ms(headers.get(f"x-ratelimit-reset-{what}"))
        if wait is not None:
            remaining = _number(headers.get(f"x-ratelimit-remaining-{what}"))
            (used_up if remaining == 0 else others).append(wait)
    return max(used_up or others, default=None)


def _duration_ms(value: str | None) -> float | None:
    """Read ``1s``, ``6m0s``, ``20ms`` or plain seconds."""
    seconds = _number(value)
    if seconds is not None:
        return seconds * 1000
    parts = _DURATION.findall(value or "")
    if not parts or "".join(f"{n}{unit}" for n, unit in parts) != (value or "").strip():
        return None
    return float(sum(float(n) * _UNIT_MS[unit] for n, unit in parts))


def _number(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _said(body: bytes, secret: str) -> tuple[str, str]:
    """Return the provider's message and its error code, as far as the body has them."""
    try:
        document = read_json(body).value
    except (ValueError, RecursionError):
        document = None
    error = document.get("error", document) if isinstance(document, dict) else document
    message: object = error
    code: object = ""
    if isinstance(error, dict):
        message = error.get("message") or error.get("detail") or ""
        code = error.get("code") or error.get("type") or ""
    text = message if isinstance(message, str) else body.decode("utf-8", "replace")
    text = " ".join(text.split())
    if secret:
        text = text.replace(secret, "***")
    return text[:_LONGEST_MESSAGE], code if isinstance(code, str) else ""


def _named(exc: Exception) -> str:
    said = str(exc)
    return f"{type(exc).__name__}: {said}"[:_LONGEST_MESSAGE] if said else type(exc).__name__
