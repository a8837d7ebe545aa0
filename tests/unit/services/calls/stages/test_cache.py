"""Step 3: an earlier answer stands in for the call."""

from pathlib import Path
from typing import Any

import pytest

from connectors.providers.base import OutputSchema
from connectors.providers.conversation import Said, ToolSpec, Turn
from connectors.providers.images import ImageInput
from connectors.redis.response_cache import CachedAnswer, CacheKey
from schemas.errors import StepError, Unavailable
from services.calls.ledger import Ledger
from services.calls.stages.cache import Cache
from services.routing.router import Pin, Route
from tests.support.calls import NOW_MS, USAGE, Calls, Next, call

KEY = CacheKey("acme", "local", "local-silver", "Say x", 100, None)
EARLIER = CachedAnswer("from before", USAGE, "length")


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    return Calls(tmp_path)


def stage(calls: Calls) -> Cache:
    return Cache(calls.cache, calls.router, calls.clock)


@pytest.mark.parametrize(
    "content",
    [
        {"cache": False},
        {"cache": True, "tools": (ToolSpec("t", "a tool", {}),)},
        {"cache": True, "turns": (Turn("so", (), ()),)},
    ],
)
async def test_calls_that_do_not_ask_for_it_or_have_a_transcript_pass_by(calls: Calls, content: dict[str, Any]) -> None:
    calls.cache.answers[KEY] = EARLIER
    proceed, made = Next(), call(**content)
    answer = await stage(calls)(made, proceed)
    assert (proceed.call is made, answer.cached, calls.trail) == (True, False, [])


async def test_an_answer_is_kept_under_all_that_it_depends_on(calls: Calls) -> None:
    picture = ImageInput("image/png", b"bytes")
    made = call(cache=True, pinned=Pin(model="local-gold"), temperature=0.5, pictures=(picture,))
    proceed = Next()
    await stage(calls)(made, proceed)
    key = CacheKey("acme", "local", "local-gold", "Say x", 100, 0.5, (picture.sha256,))
    assert calls.cache.answers == {key: CachedAnswer("an answer", USAGE, "stop")}
    assert proceed.call.route == Route("local", "local-gold")


async def test_an_earlier_answer_ends_the_call_and_is_booked_as_one_that_cost_nothing(calls: Calls) -> None:
    calls.cache.answers[KEY] = EARLIER
    proceed, ledger = Next(), Ledger()
    answer = await stage(calls)(call(ledger, cache=True), proceed)
    assert (answer.cached, answer.response.text, proceed.calls) == (True, "from before", [])
    (record,), (span,) = ledger.calls, ledger.spans
    assert (record.cached, record.outcome, record.started_at_ms, record.latency_ms) == (True, "ok", NOW_MS, 0.0)
    assert (record.provider, record.model, record.cost_nano) == ("local", "local-silver", 0)
    assert (ledger.costs, ledger.call_ids, ledger.cached, ledger.finish_reason) == ([], [], True, "length")
    assert (ledger.provider, ledger.model) == ("local", "local-silver")
    assert dict(ledger.counts) == {"cache_hits_total|provider=local|model=local-silver": 1}
    assert (span.attributes["agentflow.call.cached"], span.start_ns) == (True, NOW_MS * 1_000_000)


@pytest.mark.parametrize(
    "content",
    [
        {"system": "Be brief."},
        {"developer": "Never lie."},
        {"history": (Said("user", "Hi"),)},
        {"output_schema": OutputSchema({"type": "object"})},
        {"stop": ("END",)},
        {"seed": 7},
        {"reasoning_effort": "low"},
        {"top_p": 0.5},
        {"parallel_tools": False},
    ],
)
async def test_another_answer_is_kept_for_each_field_that_it_depends_on(calls: Calls, content: dict[str, Any]) -> None:
    await stage(calls)(call(cache=True), Next())
    await stage(calls)(call(cache=True, **content), Next())
    assert len({key.digest() for key in calls.cache.answers}) == 2


async def test_a_store_that_is_down_costs_a_call_and_no_failure(calls: Calls) -> None:
    calls.cache.down = Unavailable("redis", "down")
    proceed = Next()
    answer = await stage(calls)(call(cache=True), proceed)
    assert (answer.response.text, len(proceed.calls)) == ("an answer", 1)
    assert calls.trail == ["route", "cache get", "cache put"]


async def test_a_failure_is_not_kept(calls: Calls) -> None:
    with pytest.raises(StepError):
        await stage(calls)(call(cache=True), Next(StepError("timeout", "slow")))
    assert calls.cache.answers == {}
