"""Step 3: an earlier answer stands in for the call."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from connectors.providers.base import ModelResponse, OutputSchema
from connectors.providers.conversation import Asked, Said, ToolSpec, Turn
from connectors.providers.images import ImageInput
from connectors.redis.response_cache import Keep
from schemas.errors import StepError, Unavailable
from schemas.records.steps import CacheWish, SemanticWish
from services.caching.entry import CachedAnswer, decoded
from services.caching.ports import CachePorts
from services.calls.call import Answer, Call, Template
from services.calls.ledger import Ledger
from services.calls.stages.cache import Cache
from services.routing.router import Pin, Route
from tests.support.calls import USAGE, Calls, Next, WordEmbedder, actual_cost, call

HOUR = 3_600_000


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    return Calls(tmp_path)


def stage(calls: Calls) -> Cache:
    return Cache(CachePorts(calls.cache), calls.router, calls.clock, calls.aborts)


async def stored(calls: Calls, answer: Answer | Exception | None = None, **changes: Any) -> tuple[CachedAnswer, Keep]:
    """Return the one answer that is stored after a call was made."""
    await stage(calls)(call(cache=True, **changes), Next(answer))
    ((body, keep),) = calls.cache.answers.values()
    return decoded(body), keep


async def test_a_call_that_does_not_ask_for_it_passes_by(calls: Calls) -> None:
    await stored(calls)
    proceed, made = Next(), call(cache=False)
    answer = await stage(calls)(made, proceed)
    assert (proceed.call is made, answer.cached) == (True, False)


async def test_an_answer_is_stored_with_all_that_it_can_be_found_and_purged_by(calls: Calls) -> None:
    answer, keep = await stored(calls, tags={"team": "a b", "env": "x=y"}, pinned=Pin(model="local-gold"))
    assert answer == CachedAnswer(text="an answer", usage=USAGE, call_id="run:step:1@5#1")
    assert keep == Keep(ttl_ms=HOUR, marks=("#tag:env=x%3Dy", "#tag:team=a%20b", "#prompt=ask@1"))
    scopes = ("all", "model=local/local-gold", "workflow=flow", "prompt=ask")
    assert (calls.cache.looks[0].scopes, calls.cache.looks[0].org_id) == (scopes, "acme")


async def test_an_earlier_answer_ends_the_call_and_is_booked_as_one_that_cost_nothing(calls: Calls) -> None:
    first = Ledger()
    await calls.make()(call(first, cache=True))
    proceed, ledger, now_ms = Next(), Ledger(), calls.clock.now_ms()
    answer = await stage(calls)(call(ledger, cache=True), proceed)
    assert (answer.cached, answer.response.text, proceed.calls) == (True, "an answer", [])
    (record,), (span,) = ledger.calls, ledger.spans
    assert (record.cached, record.outcome, record.started_at_ms, record.latency_ms) == (True, "ok", now_ms, 0.0)
    assert (record.provider, record.model, record.cost_nano) == ("local", "local-silver", 0)
    assert (record.cache_kind, record.saved_nano) == ("exact", actual_cost())
    assert (ledger.costs, ledger.call_ids, ledger.cached, ledger.finish_reason) == ([], [], True, "stop")
    assert (ledger.provider, ledger.model) == ("local", "local-silver")
    route = "provider=local|model=local-silver"
    counts = {f"cache_hits_total|{route}": 1, f"agentflow_worker_cache_saved_nanodollars_total|{route}": actual_cost()}
    assert dict(ledger.counts) == counts
    assert first.counts[f"agentflow_worker_cache_misses_total|{route}"] == 1
    assert (span.type, span.cost_nano, span.start_ns) == ("cache", 0, now_ms * 1_000_000)
    assert (span.input_hash, span.output_hash) == (first.spans[0].input_hash, first.spans[0].output_hash)
    assert span.attributes["agentflow.cache.saved_nano"] == actual_cost()


@pytest.mark.parametrize(
    "content",
    [
        {"pictures": (ImageInput("image/png", b"bytes"),)},
        {"tools": (ToolSpec("t", "a tool", {}),)},
        {"turns": (Turn("so", (), ()),)},
        {"system": "Be brief."},
        {"temperature": 0.5},
        {"pinned": Pin(model="local-gold")},
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
async def test_another_answer_is_stored_for_each_field_that_it_depends_on(
    calls: Calls, content: dict[str, Any]
) -> None:
    await stage(calls)(call(cache=True), Next())
    await stage(calls)(call(cache=True, **content), Next())
    assert len(calls.cache.answers) == 2


async def test_a_data_class_never_sees_anothers_answer(calls: Calls) -> None:
    await stored(calls)
    proceed = Next()
    await stage(calls)(call(cache=True, data_class="secret"), proceed)
    assert len(proceed.calls) == 1


async def test_requests_for_tools_come_back_as_they_were(calls: Calls) -> None:
    asked, opaque = (Asked("1", "t", {"a": 1}),), {"provider": "local", "thought": "x"}
    response = ModelResponse("", USAGE, "tool_calls", asked=asked, opaque=opaque)
    tools = {"cache": True, "tools": (ToolSpec("t", "a tool", {}),)}
    await stage(calls)(call(**tools), Next(Answer(response=response)))
    again = await stage(calls)(call(**tools), Next())
    assert (again.response.asked, again.response.opaque, again.response.finish_reason) == (asked, opaque, "tool_calls")


async def test_calls_at_once_are_made_once_and_those_that_wait_hold_no_money(calls: Calls) -> None:
    calls.provider.gate.clear()
    ledgers = [Ledger() for _ in range(20)]
    make = calls.make()
    made = [asyncio.create_task(make(call(one, cache=True, call_id=f"c{n}"))) for n, one in enumerate(ledgers)]
    await calls.provider.running.wait()
    assert list(calls.holds.held) == ["c0"]
    calls.provider.gate.set()
    answers = await asyncio.gather(*made)
    assert (len(calls.provider.asked), sum(answer.cached for answer in answers)) == (1, 19)
    assert [ledger.cost_nano for ledger in ledgers] == [actual_cost()] + [0] * 19


async def test_the_end_of_a_run_ends_its_waits(calls: Calls) -> None:
    calls.provider.gate.clear()
    make = calls.make()
    leader = asyncio.create_task(make(call(cache=True, cancel_key=None)))
    await calls.provider.running.wait()
    waiting = asyncio.create_task(make(call(cache=True, call_id="other", cancel_key="other run", timeout_s=1e9)))
    await asyncio.sleep(0)
    calls.aborts.end("other run")
    with pytest.raises(StepError, match="ended"):
        await waiting
    calls.provider.gate.set()
    await leader


async def test_a_stale_answer_is_given_while_one_call_makes_the_new_one(calls: Calls) -> None:
    wish = CacheWish(ttl_s=5, stale_s=10)
    _, keep = await stored(calls, cache_wish=wish)
    assert (keep.ttl_ms, keep.stale_ms) == (5_000, 10_000)
    calls.cache.stale = True
    digest = calls.cache.looks[0].digest
    calls.cache.leads[digest] = "the one that makes it"
    ledger, proceed = Ledger(), Next()
    answer = await stage(calls)(call(ledger, cache=True, cache_wish=wish), proceed)
    assert (answer.cached, proceed.calls, ledger.calls[0].cache_kind) == (True, [], "stale")
    calls.cache.leads.clear()
    answer = await stage(calls)(call(cache=True, cache_wish=wish), proceed)
    assert (answer.cached, len(proceed.calls)) == (False, 1)


async def test_a_stale_answer_stands_in_for_a_failure(calls: Calls) -> None:
    await stored(calls)
    calls.cache.stale = True
    ledger = Ledger()
    answer = await stage(calls)(call(ledger, cache=True), Next(StepError("provider_unavailable", "down")))
    assert (answer.cached, ledger.calls[0].cache_kind) == (True, "stale")
    with pytest.raises(StepError, match="gone"):
        await stage(calls)(call(cache=True), Next(StepError("canceled", "gone")))


async def test_a_refusal_is_an_answer_for_a_short_time(calls: Calls) -> None:
    refusal = StepError("context_too_long", "too long; shorten it")
    with pytest.raises(StepError):
        await stage(calls)(call(cache=True), Next(refusal))
    ((_, keep),) = calls.cache.answers.values()
    assert keep.ttl_ms == 60_000
    ledger, proceed = Ledger(), Next()
    with pytest.raises(StepError, match="too long; shorten it") as raised:
        await stage(calls)(call(ledger, cache=True), proceed)
    assert (raised.value.code, raised.value.retryable, proceed.calls) == ("context_too_long", False, [])
    (record,) = ledger.calls
    assert (record.cache_kind, record.outcome, record.error_code) == ("negative", "error", "context_too_long")


async def test_a_refusal_in_words_is_kept_as_short(calls: Calls) -> None:
    refused = Answer(response=ModelResponse("I cannot", USAGE, "refusal"))
    _, keep = await stored(calls, refused, cache_wish=CacheWish(ttl_s=5_000, negative_s=7))
    assert keep.ttl_ms == 7_000


@pytest.mark.parametrize(
    "failure",
    [StepError("timeout", "slow", retryable=True), StepError("run_budget_exceeded", "no room"), RuntimeError("bug")],
)
async def test_a_failure_that_may_pass_is_not_kept_and_ends_the_flight(calls: Calls, failure: Exception) -> None:
    with pytest.raises(type(failure)):
        await stage(calls)(call(cache=True), Next(failure))
    assert (calls.cache.answers, calls.cache.leads) == ({}, {})


async def test_no_negative_answers_where_the_node_wants_none(calls: Calls) -> None:
    wish = CacheWish(negative_s=0)
    with pytest.raises(StepError):
        await stage(calls)(call(cache=True, cache_wish=wish), Next(StepError("content_filtered", "no")))
    assert calls.cache.answers == {}


async def test_a_store_that_is_down_costs_a_call_and_no_failure(calls: Calls) -> None:
    calls.cache.down = Unavailable("redis", "down")
    proceed = Next()
    answer = await stage(calls)(call(cache=True), proceed)
    assert (answer.response.text, len(proceed.calls)) == ("an answer", 1)
    assert calls.trail == ["route", "cache get"]


async def test_a_pinned_route_is_the_one_that_is_asked(calls: Calls) -> None:
    proceed = Next()
    await stage(calls)(call(cache=True, pinned=Pin(model="local-gold")), proceed)
    assert proceed.call.route == Route("local", "local-gold")


SEMANTIC = CacheWish(semantic=SemanticWish(variable="word", threshold=0.6))
TEMPLATE = "In {{lang}}: {{word}}"


def asking(word: Any, ledger: Ledger | None = None, lang: str = "en", **changes: Any) -> Call:
    """A call whose prompt may be worded otherwise."""
    template = Template(name="ask", version=1, text=TEMPLATE, args={"word": word, "lang": lang})
    fields = {"cache": True, "cache_wish": SEMANTIC, "template": template, "prompt": f"In {lang}: {word}"}
    return call(ledger, **(fields | changes))


def semantic(calls: Calls) -> Cache:
    return Cache(CachePorts(calls.cache, embedder=WordEmbedder), calls.router, calls.clock, calls.aborts)


async def test_a_prompt_that_means_the_same_is_answered_by_the_earlier_one(calls: Calls) -> None:
    stage_ = semantic(calls)
    await stage_(asking("how tall is the tower"), Next())
    ledger, proceed = Ledger(), Next()
    answer = await stage_(asking("how tall is the tower please", ledger), proceed)
    assert (answer.cached, proceed.calls, ledger.calls[0].cache_kind) == (True, [], "semantic")
    assert (calls.cache.leads, len(calls.cache.answers)) == ({}, 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"lang": "de"},
        {"org_id": "other"},
        {"data_class": "secret"},
        {"system": "Be brief."},
        {"cache_wish": CacheWish()},
        {"tools": (ToolSpec("t", "a tool", {}),)},
        {"pictures": (ImageInput("image/png", b"bytes"),)},
        {"prompt": "In en: what a guard made of it"},
        {"word": "how tall is no tower please"},
        {"word": ["how tall is the tower"]},
    ],
)
async def test_everything_else_must_be_equal(calls: Calls, changes: dict[str, Any]) -> None:
    stage_ = semantic(calls)
    await stage_(asking("how tall is the tower"), Next())
    proceed = Next()
    await stage_(asking(**({"word": "how tall is the tower please"} | changes)), proceed)
    assert len(proceed.calls) == 1


async def test_tools_and_images_take_part_where_the_node_says_so(calls: Calls) -> None:
    wish = CacheWish(semantic=SemanticWish(variable="word", threshold=0.6, tools=True, images=True))
    more = {"tools": (ToolSpec("t", "a tool", {}),), "pictures": (ImageInput("image/png", b"b"),), "cache_wish": wish}
    stage_, proceed = semantic(calls), Next()
    await stage_(asking("how tall is the tower", **more), Next())
    await stage_(asking("how tall is the tower please", **more), proceed)
    assert proceed.calls == []


@pytest.mark.parametrize(
    "refused", [StepError("content_filtered", "no"), Answer(response=ModelResponse("I cannot", USAGE, "refusal"))]
)
async def test_a_refusal_answers_no_other_prompt(calls: Calls, refused: Answer | StepError) -> None:
    stage_ = semantic(calls)
    with suppress(StepError):
        await stage_(asking("how tall is the tower"), Next(refused))
    proceed = Next()
    await stage_(asking("how tall is the tower please"), proceed)
    assert len(proceed.calls) == 1


async def test_an_answer_that_was_removed_meanwhile_is_made(calls: Calls) -> None:
    stage_ = semantic(calls)
    await stage_(asking("how tall is the tower"), Next())
    await stage_(asking("how tall is the tower please"), Next())
    calls.cache.answers.clear()
    proceed = Next()
    answer = await stage_(asking("how tall is the tower today"), proceed)
    assert (answer.cached, len(proceed.calls)) == (False, 1)


async def test_without_a_model_equal_prompts_are_answered(calls: Calls) -> None:
    await stage(calls)(asking("how tall is the tower"), Next())
    again, alike = Next(), Next()
    await stage(calls)(asking("how tall is the tower"), again)
    await stage(calls)(asking("how tall is the tower please"), alike)
    assert (len(again.calls), len(alike.calls)) == (0, 1)


async def test_a_stale_answer_does_not_follow_a_part_of_another(calls: Calls) -> None:
    await stored(calls)
    calls.cache.stale = True
    broken = StepError("provider_error", "cut", details={"streamed": "true"})
    with pytest.raises(StepError, match="cut"):
        await stage(calls)(call(cache=True), Next(broken))


async def test_embeddings_pass_by(calls: Calls) -> None:
    await stage(calls)(call(cache=True, operation="embeddings"), Next())
    assert calls.cache.answers == {}
