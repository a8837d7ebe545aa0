"""Step 10: the call is settled, in every way that it can end."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connectors.prices.book import PriceBook
from connectors.providers.base import ModelResponse
from schemas.errors import StepError
from schemas.payload import Inline
from schemas.records.base import Usage
from schemas.records.hashes import value_hash
from services.calls.call import Answer, Reserved
from services.calls.ledger import Ledger
from services.calls.stages.settle import Settle
from services.routing.router import Route
from tests.support.calls import NOW_MS, PRICES, USAGE, Calls, DatedPrices, Next, actual_cost, call
from topics.catalogue import COST_EVENTS, PROVIDER_CALLS
from topics.codec import decode, encode

MADE: dict[str, Any] = {"route": Route("local", "local-silver"), "reserved": Reserved(5_000, NOW_MS - 7, "v1")}
FREE: dict[str, Any] = MADE | {"reserved": Reserved(0, NOW_MS, "v1")}
ANSWER = ModelResponse("an answer", USAGE, "stop", {"q": 1}, {"a": 1})


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    return Calls(tmp_path)


async def settled(
    calls: Calls,
    outcome: Answer | Exception,
    made: dict[str, Any] = MADE,
    prices: PriceBook = PRICES,
    ledger: Ledger | None = None,
    **more: Any,
) -> Ledger:
    """Return the ledger of a call with this outcome."""
    ledger = ledger or Ledger()
    fails = outcome if isinstance(outcome, Exception) else outcome.blocked
    stage, proceed = Settle(prices, calls.objects, calls.clock), Next(outcome)
    if fails is None:
        assert await stage(call(ledger, **made, **more), proceed) is outcome
    else:
        with pytest.raises(type(fails)) as caught:
            await stage(call(ledger, **made, **more), proceed)
        assert caught.value is fails
    return ledger


async def test_an_answer_is_settled_at_its_cost_in_the_windows_of_its_hold(calls: Calls) -> None:
    at_s = time.perf_counter() + 2.0
    ledger = await settled(calls, Answer(response=ANSWER, at_s=at_s), tags={"team": "blue"})
    (cost,), (record,), (span,) = ledger.costs, ledger.calls, ledger.spans
    assert (cost.kind, cost.amount_nano, cost.usage) == ("actual", actual_cost(), USAGE)
    assert (cost.booked_at_ms, cost.price_version, cost.tags) == (NOW_MS - 7, "v1", {"team": "blue"})
    assert (cost.call_id, cost.run_id, cost.step_id) == (record.call_id, "run", "step")
    assert (record.outcome, record.cost_nano, record.usage) == ("ok", actual_cost(), USAGE)
    assert (record.started_at_ms, record.error_code, record.attempt) == (NOW_MS, None, 1)
    assert 1_900 < record.latency_ms <= 2_000
    assert (record.request, record.response) == (Inline(value={"q": 1}), Inline(value={"a": 1}))
    assert (ledger.finish_reason, ledger.usage, ledger.call_ids) == ("stop", USAGE, [record.call_id])
    assert (span.span_id, span.parent_span_id, span.name, span.status) == (
        "s" * 16,
        "p" * 16,
        "chat local-silver",
        "ok",
    )
    assert span.attributes["agentflow.response.finish_reason"] == "stop"
    assert (span.type, span.provider, span.model, span.error_code) == ("llm_call", "local", "local-silver", "")
    assert (span.cost_nano, span.input_tokens, span.output_tokens) == (
        actual_cost(),
        USAGE.input_tokens,
        USAGE.output_tokens,
    )
    assert (span.step_id, span.attempt, span.output_hash) == ("step", 1, value_hash("an answer"))
    assert (span.start_ns, span.end_ns - span.start_ns) == (NOW_MS * 1_000_000, int(record.latency_ms * 1_000_000))


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (StepError("rate_limited", "no", retryable=True), "rate_limited"),
        (StepError("provider_rejected", "no"), "error"),
    ],
)
async def test_a_call_that_was_surely_not_made_is_settled_at_nothing(
    calls: Calls, error: StepError, outcome: str
) -> None:
    ledger = await settled(calls, error)
    (cost,), (record,), (span,) = ledger.costs, ledger.calls, ledger.spans
    assert (cost.kind, cost.amount_nano) == ("actual", 0)
    assert (record.outcome, record.error_code, record.cost_nano) == (outcome, error.code, 0)
    assert record.request == Inline(value={"model": "local-silver", "prompt": "Say x", "max_tokens": 100})
    assert record.response == Inline(value={"error": {"code": error.code, "message": "no"}})
    assert (span.status, span.error_code, span.cost_nano, span.output_hash) == ("error", error.code, 0, "")
    assert 0 < record.latency_ms < 5_000


@pytest.mark.parametrize(
    ("error", "outcome", "code"),
    [
        (StepError("timeout", "slow"), "timeout", "timeout"),
        (StepError("provider_timeout", "slow"), "timeout", "provider_timeout"),
        (StepError("canceled", "ended", details={"outcome": "unknown"}), "unknown", "canceled"),
        (AttributeError("a defect of a library"), "unknown", "exception"),
    ],
)
async def test_a_call_with_an_unknown_outcome_is_presumed(
    calls: Calls, error: Exception, outcome: str, code: str
) -> None:
    ledger = await settled(calls, error)
    (cost,), (record,) = ledger.costs, ledger.calls
    assert (cost.kind, cost.amount_nano, cost.booked_at_ms) == ("presumed", 5_000, NOW_MS - 7)
    assert (record.outcome, record.error_code, record.cost_nano) == (outcome, code, 5_000)
    assert (ledger.spans[0].status, ledger.spans[0].cost_nano) == ("error", 5_000)


async def test_the_price_is_that_of_the_time_of_the_hold(calls: Calls) -> None:
    ledger = await settled(calls, Answer(response=ANSWER), prices=DatedPrices(since_ms=NOW_MS))
    assert [cost.amount_nano for cost in ledger.costs] == [30]


async def test_the_span_says_what_was_asked_and_a_failure_has_no_finish(calls: Calls) -> None:
    ledger = await settled(calls, StepError("provider_rejected", "no"), temperature=0.5)
    ledger.finish_reason = "of an earlier call"
    again = await settled(calls, StepError("provider_rejected", "no"), ledger=ledger)
    first, second = again.spans
    assert first.attributes["agentflow.request.max_tokens"] == 100
    assert first.attributes["agentflow.request.temperature"] == 0.5
    assert "agentflow.request.temperature" not in second.attributes
    assert "agentflow.response.finish_reason" not in second.attributes


@pytest.mark.parametrize("error", [StepError("timeout", "slow"), StepError("provider_rejected", "no")])
async def test_a_call_that_held_nothing_and_failed_needs_no_settlement(calls: Calls, error: StepError) -> None:
    ledger = await settled(calls, error, FREE)
    assert (ledger.costs, ledger.calls[0].cost_nano) == ([], 0)


async def test_a_cost_that_nobody_expected_is_settled_all_the_same(calls: Calls) -> None:
    ledger = await settled(calls, Answer(response=ANSWER), FREE)
    assert [(cost.kind, cost.amount_nano) for cost in ledger.costs] == [("actual", actual_cost())]


async def test_a_blocked_answer_is_paid_for_and_not_recorded(calls: Calls) -> None:
    blocked = StepError("blocked", "may not pass")
    ledger = await settled(calls, Answer(response=ANSWER, blocked=blocked))
    (cost,), (record,) = ledger.costs, ledger.calls
    assert (cost.kind, cost.amount_nano) == ("actual", actual_cost())
    assert (record.outcome, record.error_code, record.cost_nano) == ("ok", "blocked", actual_cost())
    assert record.response == Inline(value={"error": {"code": "blocked", "message": "may not pass"}})


async def test_capture_says_what_is_recorded(calls: Calls) -> None:
    ledger = await settled(calls, Answer(response=ANSWER), capture="none")
    (record,) = ledger.calls
    assert (record.capture, record.request, record.response) == ("none", None, None)


async def test_counts_that_cannot_be_are_booked_by_the_bounds_and_noted(calls: Calls) -> None:
    ledger, response = Ledger(), replace(ANSWER, usage=Usage(input_tokens=10**15, output_tokens=4_294_967_295))
    stage = Settle(PRICES, calls.objects, calls.clock)
    answer = await stage(call(ledger, **MADE | {"input_tokens": 50}), Next(Answer(response=response)))
    booked = Usage(input_tokens=50, output_tokens=100)
    (cost,), (record,), (span,) = ledger.costs, ledger.calls, ledger.spans
    assert answer.response.usage == cost.usage == record.usage == booked
    assert cost.amount_nano == record.cost_nano == PRICES.cost("local", "local-silver", booked)
    assert record.notes == ["input_tokens:impossible", "output_tokens:impossible"]
    assert span.attributes["agentflow.call.notes"] == record.notes
    assert decode(PROVIDER_CALLS, encode(record)) == record
    assert decode(COST_EVENTS, encode(cost)) == cost


async def test_an_answer_without_text_is_paid_as_counted_and_keeps_what_was_received(calls: Calls) -> None:
    problem = StepError("no_text", "nothing was said")
    response = replace(ANSWER, text="", problem=problem)
    ledger = await settled(calls, Answer(response=response, blocked=problem))
    (cost,), (record,) = ledger.costs, ledger.calls
    assert (cost.kind, cost.amount_nano, record.error_code) == ("actual", actual_cost(), "no_text")
    assert record.response == Inline(value={"a": 1})
