"""The limits that a provider states in the headers of an answer.

OpenAI and those like it say ``x-ratelimit-{limit,remaining,reset}-{requests,tokens}``, Anthropic
``anthropic-ratelimit-{requests,tokens,input-tokens,output-tokens}-{limit,remaining,reset}``. Limits whose reset is
further away than a minute are of another window, and are left out.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime

from connectors.providers.header_values import duration_ms, number, until_ms
from schemas.limits.quotas import MAX_LIMIT, Observed, Unit

_OPENAI: Mapping[str, Unit] = {"requests": "requests", "tokens": "tokens"}
_ANTHROPIC: Mapping[str, Unit] = {
    "requests": "requests",
    "tokens": "tokens",
    "input-tokens": "input_tokens",
    "output-tokens": "output_tokens",
}
#: A minute, and what clocks may differ.
_LONGEST_RESET_MS = 65_000


def observed(headers: Mapping[str, str], now: datetime) -> tuple[Observed, ...]:
    """Return the limits per minute that headers state. ``headers`` must be looked up by lower-case names."""
    stated = (_observed(*one) for one in _stated(headers, now))
    return tuple(one for one in stated if one is not None)


def _stated(headers: Mapping[str, str], now: datetime) -> Iterator[tuple[Unit, str | None, str | None, float | None]]:
    for what, unit in _OPENAI.items():
        reset = duration_ms(headers.get(f"x-ratelimit-reset-{what}"))
        yield unit, headers.get(f"x-ratelimit-limit-{what}"), headers.get(f"x-ratelimit-remaining-{what}"), reset
    for what, unit in _ANTHROPIC.items():
        name = f"anthropic-ratelimit-{what}"
        reset = until_ms(headers.get(f"{name}-reset"), now)
        yield unit, headers.get(f"{name}-limit"), headers.get(f"{name}-remaining"), reset


def _observed(unit: Unit, limit: str | None, left: str | None, reset_ms: float | None) -> Observed | None:
    most, remaining = number(limit), number(left)
    if most is None or remaining is None or not 1 <= most <= MAX_LIMIT:
        return None
    if reset_ms is not None and reset_ms > _LONGEST_RESET_MS:
        return None
    return Observed(unit, int(most), max(0, int(remaining)), None if reset_ms is None else max(0, int(reset_ms)))
