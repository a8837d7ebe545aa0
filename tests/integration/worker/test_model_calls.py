"""``llm`` steps on a real Redis: holds, settlements, caches, captures, spans, and every way a call can fail."""

import base64
import hashlib
import io
import uuid
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from PIL import Image

from connectors.prices.book import PriceBook
from connectors.providers.base import ModelRequest
from connectors.redis.claims.leases import Granted, RedisLeases
from schemas.budgets import Budget
from schemas.errors import StepError, Unavailable
from schemas.ids import span_id, trace_id
from schemas.metrics import WORKERS_COUNTERS_KEY
from schemas.money import from_usd
from schemas.payload import Inline, Reference
from schemas.records.base import Usage
from schemas.records.definitions import Definition
from schemas.records.hashes import value_hash
from schemas.records.money import CallStarted
from schemas.records.run_events import StepDeferred, StepFailed, StepSucceeded
from schemas.records.steps import AgentTurn, StepRequest, ToolCall
from tests.support.worker import PICTURE_TOKENS, RUN_PARTITIONS, Bench, llm, until_async

PRICES = PriceBook.load()
COST = PRICES.cost("local", "local-silver", Usage(input_tokens=10, output_tokens=20))


async def outcome(bench: Bench, request: StepRequest) -> Any:
    """Let a worker work on one request; return the result."""
    await bench.ask(request)
    pump = bench.worker()
    await pump.start()
    await bench.idle(pump)
    (result,) = bench.results()
    return result


def estimate(prompt: str, max_tokens: int = 1024) -> int:
    return PRICES.estimate("local", "local-silver", len(prompt), max_tokens)


def raising(error: StepError) -> Callable[[ModelRequest], str]:
    def reply(request: ModelRequest) -> str:
        raise error

    return reply


@pytest.mark.parametrize("agent", [False, True])
async def test_a_streamed_step_has_the_same_answer_and_records_its_first_piece(bench: Bench, agent: bool) -> None:
    call = llm(stream=True)
    work = AgentTurn(call=call, tools=[]) if agent else call
    result = await outcome(bench, bench.request(work, args={"word": "x"}))
    assert isinstance(result, StepSucceeded)
    assert (result.output, result.cost_nano) == (Inline(value="answer to Say x"), COST)
    (made,) = bench.calls()
    assert made.ttft_ms is not None
    assert 0 < made.ttft_ms <= made.latency_ms


async def test_an_answer_its_cost_and_its_trail(bench: Bench) -> None:
    request = bench.request(llm(temperature=0.5), args={"word": "x"}, tags={"team": "blue"}, tracestate="vendor=1")
    result = await outcome(bench, request)
    assert isinstance(result, StepSucceeded)
    assert result.output == Inline(value="answer to Say x")
    assert (result.provider, result.model, result.cached) == ("local", "local-silver", False)
    assert result.usage == Usage(input_tokens=10, output_tokens=20)
    assert result.cost_nano == COST > 0

    (call,) = bench.calls()
    assert result.call_ids == [call.call_id]
    assert call.call_id.startswith(request.request_id)
    assert (call.outcome, call.cost_nano, call.usage) == ("ok", COST, result.usage)
    assert (call.request, call.response) == (
        Inline(value={"prompt": "Say x"}),
        Inline(value={"text": "answer to Say x"}),
    )
    assert bench.provider.asked[0].idempotency_key == call.idempotency_key == request.idempotency_key

    (cost,) = bench.costs()
    assert (cost.call_id, cost.kind, cost.amount_nano) == (call.call_id, "actual", COST)
    assert (cost.tags, cost.price_version, cost.org_id) == ({"team": "blue"}, "local-1", bench.org)
    assert set((await bench.held()).values()) == {b"%d" % estimate("Say x")}, "until the settlement is folded"

    (spans,) = bench.spans()
    attempt, chat = spans.spans
    sent = bench.provider.asked[0].trace_headers
    assert sent == {"traceparent": f"00-{spans.trace_id}-{chat.span_id}-01", "tracestate": "vendor=1"}
    assert (spans.record_id, spans.trace_id) == (request.request_id, trace_id(request.run_id))
    assert attempt.span_id == span_id(request.run_id, "step", 1)
    assert attempt.parent_span_id == span_id(request.run_id, "step")
    assert (chat.parent_span_id, chat.name, chat.kind) == (attempt.span_id, "chat local-silver", "client")
    assert (chat.type, chat.output_tokens, chat.cost_nano, attempt.cost_nano) == ("llm_call", 20, COST, 0)
    assert chat.attributes["agentflow.request.temperature"] == 0.5
    assert chat.attributes["agentflow.response.finish_reason"] == "stop"
    assert (attempt.type, attempt.step_id, attempt.attempt) == ("attempt", "step", 1)
    assert (attempt.input_hash, attempt.output_hash) == (value_hash({"word": "x"}), value_hash("answer to Say x"))
    assert chat.output_hash == attempt.output_hash != chat.input_hash != attempt.input_hash
    assert (spans.workflow_name, spans.tags) == ("flow", {"team": "blue"})
    assert attempt.start_ns <= chat.start_ns


async def test_requests_are_counted_where_the_api_reads_them(bench: Bench) -> None:
    field = "provider_requests_total|provider=local|model=local-silver|outcome=ok"
    before = int(await bench.redis.hget(WORKERS_COUNTERS_KEY, field) or 0)
    await outcome(bench, bench.request(llm(), args={"word": "x"}))
    assert int(await bench.redis.hget(WORKERS_COUNTERS_KEY, field) or 0) == before + 1


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ('{"type": "text"}', {"type": "text"}),
        (' [1, 2]\n', [1, 2]),
        ('```json\n{"type": "text"}\n```', {"type": "text"}),
        ('\n```\n[1,\n 2]\n```\n', [1, 2]),
        ("```json\n{not json}\n```", "```json\n{not json}\n```"),
        ("{not json}", "{not json}"),
        ("42", "42"),
        ('{"a": NaN}', '{"a": NaN}'),
        ("[" * 150 + "]" * 150, "[" * 150 + "]" * 150),
    ],
)  # fmt: skip
async def test_an_answer_in_json_is_its_value(bench: Bench, text: str, output: Any) -> None:
    bench.provider.reply = lambda _: text
    result = await outcome(bench, bench.request(llm(), args={"word": "x"}))
    assert result.output == Inline(value=output)


async def test_a_long_answer_and_its_capture_are_stored(bench: Bench) -> None:
    bench.provider.reply = lambda _: "x" * 100_000
    result = await outcome(bench, bench.request(llm(), args={"word": "x"}))
    assert isinstance(result.output, Reference)
    (call,) = bench.calls()
    assert isinstance(call.response, Reference)
    assert await bench.objects.resolve(bench.org, call.response) == {"text": "x" * 100_000}


async def test_capture_none_keeps_nothing(bench: Bench) -> None:
    await outcome(bench, bench.request(llm(), args={"word": "x"}, capture="none"))
    (call,) = bench.calls()
    assert (call.request, call.response, call.capture) == (None, None, "none")


async def test_capture_redacted_keeps_structure_only(bench: Bench) -> None:
    await outcome(bench, bench.request(llm(), args={"word": "secret"}, capture="redacted"))
    (call,) = bench.calls()
    digest = hashlib.sha256(b"Say secret").hexdigest()
    assert call.request == Inline(value={"prompt": {"length": 10, "sha256": digest}})
    assert "secret" not in msgspec.json.encode(call).decode()


async def test_an_earlier_answer_stands_in_for_the_call(bench: Bench) -> None:
    word = uuid.uuid4().hex
    first = bench.request(llm(cache=True), args={"word": word})
    await outcome(bench, first)
    field = "cache_hits_total|provider=local|model=local-silver"
    before = int(await bench.redis.hget(WORKERS_COUNTERS_KEY, field) or 0)
    second = bench.request(llm(cache=True), args={"word": word})
    await bench.ask(second)
    results = await bench.finished(2)
    cached = next(r for r in results if r.run_id == second.run_id)
    assert (cached.cached, cached.cost_nano, cached.call_ids) == (True, 0, [])
    assert cached.output == Inline(value=f"answer to Say {word}")
    assert bench.provider.calls == {first.idempotency_key: 1}
    assert len(bench.costs()) == 1
    assert [c.cached for c in bench.calls() if c.run_id == second.run_id] == [True]
    assert int(await bench.redis.hget(WORKERS_COUNTERS_KEY, field) or 0) == before + 1


@pytest.mark.parametrize("change", ["organisation", "prompt", "model", "max_tokens", "no cache"])
async def test_what_differs_shares_no_answer(bench: Bench, change: str) -> None:
    word = uuid.uuid4().hex
    await outcome(bench, bench.request(llm(cache=True), args={"word": word}))
    if change == "organisation":
        bench.org = f"org-{uuid.uuid4().hex}"
        await bench.open_budgets()
    work = {
        "prompt": llm("Tell {{word}}", cache=True),
        "model": llm(cache=True, model="local-gold"),
        "max_tokens": llm(cache=True, max_tokens=5),
        "no cache": llm(),
    }.get(change, llm(cache=True))
    await bench.ask(bench.request(work, args={"word": word}))
    await bench.finished(2)
    assert bench.provider.calls.total() == 2


def budget(bench: Bench, limit_usd: str) -> None:
    body = Budget(id="b1", org_id=bench.org, name="monthly", limit_nano=from_usd(limit_usd)).model_dump()
    bench.definitions.apply(Definition(kind="budget", org_id=bench.org, id="b1", body=body, changed_at_ms=1))


async def test_a_budget_without_room_refuses_and_says_which(bench: Bench) -> None:
    budget(bench, "0.001")
    result = await outcome(bench, bench.request(llm(), args={"word": "x"}))
    assert isinstance(result, StepFailed)
    assert (result.error.code, result.error.retryable) == ("budget_exceeded", False)
    details = result.error.details
    assert (details["budget"], details["limit_usd"], details["spent_usd"]) == ("monthly", "0.001", "0")
    assert details["opens_at"].endswith("-01T00:00:00Z")
    assert "monthly" in result.error.message
    assert bench.provider.calls == {}
    assert bench.calls() == bench.costs() == []
    assert not await bench.held()


async def test_nobody_is_asked_before_the_log_knows_of_the_call(bench: Bench) -> None:
    """A call that only its worker and Redis knew of could be forgotten by both, and be in no settlement."""
    request = bench.request(llm(), args={"word": "x"}, tags={"team": "blue"})
    await bench.ask(request)
    bench.log.fail = Unavailable("kafka", "down for the test")
    await bench.worker().start()
    await until_async(bench.held)
    assert bench.provider.calls == {}
    seen: list[CallStarted] = []
    bench.provider.reply = lambda _: seen.extend(bench.started()) or "an answer"  # type: ignore[func-returns-value]
    bench.log.fail = None
    await bench.finished(1)
    assert seen == bench.started()
    (start,), (cost,) = seen, bench.costs()
    assert (start.call_id, start.org_id, start.tags) == (cost.call_id, bench.org, {"team": "blue"})
    assert (start.amount_nano, start.booked_at_ms) == (estimate("Say x"), cost.booked_at_ms)
    assert start.expires_at_ms >= start.booked_at_ms + 60_000, "a hold lasts so long"


async def test_a_run_has_a_budget_of_its_own(bench: Bench) -> None:
    left = estimate("Say x") - 1
    # A pinned model is not stepped down to a cheaper one.
    pinned = llm(provider="local", model="local-silver")
    result = await outcome(bench, bench.request(pinned, args={"word": "x"}, run_budget_nano=left))
    assert (result.error.code, result.error.retryable) == ("run_budget_exceeded", False)
    assert bench.provider.calls == {}
    assert not await bench.held()


async def test_while_spend_is_rebuilt_the_attempt_goes_back(bench: Bench) -> None:
    bench.org = f"org-{uuid.uuid4().hex}"  # whose table nobody opened
    request = bench.request(llm(), args={"word": "x"}, deferral=3)
    now_ms = bench.clock.now_ms()
    result = await outcome(bench, request)
    assert isinstance(result, StepDeferred)
    assert result.deferral == 4
    assert result.until_ms >= now_ms + 1_000
    assert "budgets" in result.reason
    assert bench.provider.calls == {}
    claims = RedisLeases(bench.redis, RUN_PARTITIONS, "next", 1_000)
    again = await claims.take(request.run_id, request.request_id)
    assert isinstance(again, Granted), "its claim was given back"
    assert again.starts == 1


@pytest.mark.parametrize(
    ("code", "outcome_", "retryable"),
    [
        ("rate_limited", "rate_limited", True),
        ("provider_unavailable", "error", True),
        ("provider_rejected", "error", False),
    ],
)
async def test_a_call_that_failed_costs_nothing(bench: Bench, code: str, outcome_: str, retryable: bool) -> None:
    bench.provider.reply = raising(StepError(code, "no", retryable=retryable, retry_after_ms=5_000))
    result = await outcome(bench, bench.request(llm(), args={"word": "x"}))
    assert isinstance(result, StepFailed)
    assert (result.error.code, result.error.retryable, result.error.retry_after_ms) == (code, retryable, 5_000)
    (call,) = bench.calls()
    assert (call.outcome, call.error_code, call.cost_nano) == (outcome_, code, 0)
    assert result.call_ids == [call.call_id]
    assert call.request is not None
    assert call.response == Inline(value={"error": {"code": code, "message": "no"}})
    (cost,) = bench.costs()
    assert (cost.kind, cost.amount_nano, cost.call_id) == ("actual", 0, call.call_id), "which releases the hold"
    assert result.cost_nano == 0


@pytest.mark.parametrize("ours", [True, False])
async def test_a_timeout_is_settled_as_presumed(bench: Bench, ours: bool) -> None:
    """Nobody knows whether the provider charges for it, so the estimate stays spent."""
    if ours:
        bench.provider.gate.clear()
    else:
        bench.provider.reply = raising(StepError("provider_timeout", "slow", retryable=True))
    result = await outcome(bench, bench.request(llm(), args={"word": "x"}, timeout_ms=60 if ours else None))
    assert (result.error.code, result.error.retryable) == ("timeout" if ours else "provider_timeout", True)
    (call,) = bench.calls()
    (cost,) = bench.costs()
    assert call.outcome == "timeout"
    assert (cost.kind, cost.call_id) == ("presumed", call.call_id)
    assert cost.amount_nano == call.cost_nano == result.cost_nano == estimate("Say x")


@pytest.mark.parametrize(
    "error",
    [
        StepError("provider_unavailable", "the connection broke", retryable=True, details={"outcome": "unknown"}),
        AttributeError("a defect of a library"),
    ],
)
async def test_an_answer_that_may_have_been_lost_is_settled_as_presumed(bench: Bench, error: Exception) -> None:
    """The provider may have worked, and will bill it; its hold must not wait for its end either."""
    bench.provider.reply = raising(error)
    result = await outcome(bench, bench.request(llm(), args={"word": "x"}))
    assert result.error.retryable
    (call,) = bench.calls()
    (cost,) = bench.costs()
    assert call.outcome == "unknown"
    assert (cost.kind, cost.call_id) == ("presumed", call.call_id)
    assert cost.amount_nano == call.cost_nano == result.cost_nano == estimate("Say x")


@pytest.mark.parametrize(
    ("changes", "args", "code"),
    [
        ({"provider": "nowhere", "model": "m"}, {"word": "x"}, "unknown_provider"),
        ({"provider": "nowhere"}, {"word": "x"}, "no_route"),
        ({"model": "unheard-of"}, {"word": "x"}, "unpriced_model"),
        ({}, {"wort": "x"}, "missing_variable"),
    ],
)
async def test_what_cannot_be_asked_is_final(
    bench: Bench, changes: dict[str, Any], args: dict[str, str], code: str
) -> None:
    result = await outcome(bench, bench.request(llm(**changes), args=args))
    assert (result.error.code, result.error.retryable) == (code, False)
    assert bench.provider.calls == {}


@pytest.mark.parametrize("tier", ["gold", "silver", "bronze"])
async def test_a_tier_has_a_default_route(bench: Bench, tier: str) -> None:
    result = await outcome(bench, bench.request(llm(), args={"word": "x"}, tier=tier))
    assert (result.provider, result.model) == ("local", f"local-{tier}")


def picture(colour: tuple[int, int, int]) -> str:
    out = io.BytesIO()
    Image.new("RGB", (6, 3), colour).save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


async def test_pictures_are_held_for_shown_and_kept_as_hashes(bench: Bench) -> None:
    request = bench.request(llm(images=["photo"]), args={"word": "y", "photo": picture((255, 0, 0))})
    result = await outcome(bench, request)
    assert result.output == Inline(value="answer to Say y")
    (asked,) = bench.provider.asked
    assert [one.media_type for one in asked.pictures] == ["image/png"]
    assert base64.b64decode(picture((255, 0, 0))) == asked.pictures[0].data
    (start,) = bench.started()
    prompt_tokens = len("Say y") + PICTURE_TOKENS
    assert start.amount_nano == PRICES.estimate("local", "local-silver", prompt_tokens, 1024)
    (cost,) = bench.costs()
    assert (cost.amount_nano, result.cost_nano) == (COST, COST)


def analyzer(**config: Any) -> ToolCall:
    return ToolCall(name="image_analyzer", config=config)


async def test_an_analyzer_with_a_model_pays_for_what_it_says(bench: Bench) -> None:
    request = bench.request(
        analyzer(model="local-silver", prompt="What is {{word}}?", max_tokens=50),
        args={"word": "y", "image": picture((255, 0, 0))},
    )
    result = await outcome(bench, request)
    assert isinstance(result, StepSucceeded)
    assert isinstance(result.output, Inline)
    assert result.output.value["description"] == "answer to What is y?"
    assert (result.output.value["format"], result.output.value["width"]) == ("PNG", 6)
    (asked,) = bench.provider.asked
    assert asked.pictures[0].data == base64.b64decode(picture((255, 0, 0)))
    (start,) = bench.started()
    tokens = len("What is y?") + PICTURE_TOKENS
    assert start.amount_nano == PRICES.estimate("local", "local-silver", tokens, 50)
    (cost,) = bench.costs()
    assert (cost.call_id, cost.amount_nano, result.cost_nano) == (start.call_id, COST, COST)
    assert (result.provider, result.model) == ("local", "local-silver")


async def test_an_analyzer_without_a_model_measures_for_nothing(bench: Bench) -> None:
    result = await outcome(bench, bench.request(analyzer(), args={"image": picture((255, 0, 0))}))
    assert isinstance(result, StepSucceeded)
    assert isinstance(result.output, Inline)
    assert "description" not in result.output.value
    assert (bench.provider.asked, bench.calls(), bench.costs(), result.cost_nano) == ([], [], [], 0)


async def test_an_analyzer_over_its_runs_cap_asks_nobody(bench: Bench) -> None:
    request = bench.request(analyzer(model="local-gold"), args={"image": picture((9, 9, 9))}, run_budget_nano=1)
    result = await outcome(bench, request)
    assert isinstance(result, StepFailed)
    assert (result.error.code, bench.provider.asked, bench.costs()) == ("run_budget_exceeded", [], [])


async def test_a_picture_that_is_none_costs_nothing(bench: Bench) -> None:
    result = await outcome(bench, bench.request(llm(images=["photo"]), args={"word": "x", "photo": "!"}))
    assert isinstance(result, StepFailed)
    assert (result.error.code, result.error.retryable, result.cost_nano) == ("bad_arguments", False, 0)
    assert (bench.provider.asked, bench.calls(), bench.costs()) == ([], [], [])


async def test_an_answer_about_one_picture_is_not_taken_for_another(bench: Bench) -> None:
    word = uuid.uuid4().hex
    pump = bench.worker()
    await pump.start()
    for colour in (255, 0, 0), (255, 0, 0), (0, 0, 255):
        await bench.ask(bench.request(llm(images=["photo"], cache=True), args={"word": word, "photo": picture(colour)}))
        await bench.idle(pump)
    assert [call.cached for call in bench.calls()] == [False, True, False]
