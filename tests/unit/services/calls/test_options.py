"""Options of a provider's own wire: on the wire, in the hold, and in the key of the cache of answers."""

from pathlib import Path
from typing import Any

import pytest

from connectors.prices.book import PriceBook
from connectors.providers.base import ModelRequest
from connectors.providers.openai.provider import OpenAIProvider
from schemas.errors import StepError
from services.caching.key import Asked, digest_of
from services.calls.stages.hold import Hold, asked_ways
from services.routing.router import Route
from tests.support.calls import LEASE_MS, TTL_MS, Calls, Next, call
from tests.support.wire_server import KEY, Reply, wire_server

ANSWER = {
    "choices": [{"message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1},
}


async def sent(options: dict[str, dict[str, Any]]) -> dict[str, Any]:
    async with wire_server("openai", Reply(ANSWER)) as server:
        provider = OpenAIProvider(KEY, server.url)
        try:
            answer = await provider.complete(ModelRequest("gpt-5", "p", 9, "k", options=options, timeout_s=10))
        finally:
            await provider.close()
    assert answer.sent == server.requests[0][2]
    return answer.sent


async def test_options_are_sent_to_their_provider_only() -> None:
    body = await sent({"openai": {"user": "team-7"}, "cohere": {"safety_mode": "OFF"}})
    assert body["user"] == "team-7"
    assert "safety_mode" not in body


async def test_an_option_that_the_call_sets_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(StepError, match=r"provider_options\.model") as raised:
        await sent({"openai": {"model": "gpt-4"}})
    assert raised.value.code == "unsupported_parameter"


@pytest.mark.parametrize(
    ("options", "prompt_cache", "factor"),
    [
        ({}, "never", 1),
        ({"openai": {"service_tier": "priority"}}, "never", 2),
        ({"openai": {"service_tier": "auto"}}, "never", 2),
        # The cheaper tier may not be granted, so the dearer price is held.
        ({"openai": {"service_tier": "flex"}}, "never", 1),
        ({"anthropic": {"service_tier": "priority"}}, "never", 1),
    ],
)
async def test_the_hold_takes_the_dearest_that_is_asked(
    tmp_path: Path, options: dict[str, Any], prompt_cache: str, factor: int
) -> None:
    calls = Calls(tmp_path)
    stage = Hold(calls.prices, calls.holds, calls.clock, calls.aborts, ttl_ms=TTL_MS, assert_every_s=LEASE_MS)
    route = Route("openai", "gpt-5")
    await stage(call(route=route, input_tokens=1_000, options=options, prompt_cache=prompt_cache), Next())
    plain = PriceBook.load().estimate("openai", "gpt-5", 1_000, 100, calls.clock.now_ms())
    assert next(iter(calls.holds.held.values())).estimate_nano == factor * plain


async def test_writes_for_an_hour_are_held_when_they_are_asked(tmp_path: Path) -> None:
    held = []
    for prompt_cache in ("5m", "1h"):
        calls = Calls(tmp_path)
        stage = Hold(calls.prices, calls.holds, calls.clock, calls.aborts, ttl_ms=TTL_MS, assert_every_s=LEASE_MS)
        route = Route("anthropic", "claude-haiku-4-5")
        await stage(call(route=route, input_tokens=1_000, prompt_cache=prompt_cache, max_tokens=0), Next())
        held.append(next(iter(calls.holds.held.values())).estimate_nano)
    # $1.25 and $2 a million tokens.
    assert held == [1_250_000, 2_000_000]


def test_other_options_are_another_answer_and_marks_are_not() -> None:
    def digest(**fields: Any) -> str:
        return digest_of(Asked("acme", "openai", call(**fields).content.request("m", "", 0)))

    assert digest(options={"openai": {"verbosity": "low"}}) != digest()
    assert digest(prompt_cache="1h") == digest()


def test_ways_of_being_served_are_read_from_options() -> None:
    assert asked_ways({"speed": "fast", "user": "x"}) == (("speed", "fast"),)
