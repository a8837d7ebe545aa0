"""Limits in the headers of an answer."""

from datetime import UTC, datetime

from connectors.providers.rate_limits import observed
from schemas.limits.quotas import Observed

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
OPENAI = {
    "x-ratelimit-limit-requests": "600",
    "x-ratelimit-remaining-requests": "599",
    "x-ratelimit-reset-requests": "100ms",
    "x-ratelimit-limit-tokens": "100000",
    "x-ratelimit-remaining-tokens": "40000",
    "x-ratelimit-reset-tokens": "36s",
}
ANTHROPIC = {
    "anthropic-ratelimit-requests-limit": "50",
    "anthropic-ratelimit-requests-remaining": "0",
    "anthropic-ratelimit-requests-reset": "2026-11-28T12:00:30Z",
    "anthropic-ratelimit-output-tokens-limit": "8000",
    "anthropic-ratelimit-output-tokens-remaining": "7000",
}


def test_openai_states_requests_and_tokens() -> None:
    assert observed(OPENAI, NOW) == (Observed("requests", 600, 599, 100), Observed("tokens", 100_000, 40_000, 36_000))


def test_anthropic_states_times_and_may_leave_some_out() -> None:
    assert observed(ANTHROPIC, NOW) == (Observed("requests", 50, 0, 30_000), Observed("output_tokens", 8_000, 7_000))


def test_a_limit_of_a_longer_window_is_left_out() -> None:
    assert observed(OPENAI | {"x-ratelimit-reset-requests": "8h"}, NOW)[0].unit == "tokens"


def test_nonsense_is_left_out() -> None:
    for limit, left in [("-1", "5"), ("abc", "5"), ("inf", "5"), ("0", "0"), ("60", ""), ("1e99", "5")]:
        headers = {"x-ratelimit-limit-requests": limit, "x-ratelimit-remaining-requests": left}
        assert observed(headers, NOW) == ()
