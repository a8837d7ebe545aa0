"""What a worker makes of a step's attempt for a call of a model."""

from typing import Any

import pytest

from connectors.providers.base import OutputSchema
from connectors.providers.conversation import ToolSpec, Turn
from connectors.providers.images import ImageInput
from connectors.redis.claims.leases import Granted
from schemas.ids import span_id, trace_id
from schemas.records.steps import FunctionCall, LlmCall, StepRequest, ToolCall
from services.calls.call import Content, Origin, Template, Trace
from services.calls.ledger import Ledger
from services.calls.timeouts import MODEL_TIMEOUT_S
from services.calls.transcript import Transcript
from services.routing.router import Pin
from streams.roles.worker.model_call import analyzer_question, call_of, cancel_key, content_of, timeout_s

GRANTED = Granted("run", "run:step:2", 1, 3, 5)
ASK = LlmCall(prompt_name="ask", prompt_version=4, prompt_hash="0" * 64, template="Say {{word}}")


def request(**changes: Any) -> StepRequest:
    fields: dict[str, Any] = {
        "run_id": "run",
        "org_id": "acme",
        "workflow_name": "flow",
        "workflow_version": 1,
        "step_id": "step",
        "node_id": "step",
        "attempt": 2,
        "tier": "gold",
        "work": ASK,
        "requested_at_ms": 1,
    }
    return StepRequest(**(fields | changes))


def test_call_is_named_by_its_claim_and_limited_by_its_request() -> None:
    ledger, content = Ledger(), Content(max_tokens=1)
    asked = request(tags={"team": "blue"}, run_budget_nano=7, capture="none", timeout_ms=1_500)
    call = call_of(asked, GRANTED, ledger, content)
    assert (call.call_id, call.idempotency_key) == (GRANTED.call_id, "run:step")
    assert call.origin == Origin(
        request_id="run:step:2", workflow_name="flow", run_id="run", step_id="step", attempt=2, node_id="step"
    )
    assert call.trace == Trace(
        trace_id=trace_id("run"),
        span_id=span_id("run", "step", 2, GRANTED.call_id),
        parent_span_id=span_id("run", "step", 2),
    )
    assert (call.org_id, call.tier, call.tags, call.cap_nano) == ("acme", "gold", {"team": "blue"}, 7)
    assert (call.capture, call.timeout_s, call.cancel_key) == ("none", 1.5, "run")
    assert call.ledger is ledger
    assert call.content is content


@pytest.mark.parametrize(("timeout_ms", "seconds"), [(None, 60.0), (500, 0.5), (3_600_000, 60.0)])
def test_time_limit_is_the_nodes_up_to_the_most(timeout_ms: int | None, seconds: float) -> None:
    assert timeout_s(request(timeout_ms=timeout_ms), MODEL_TIMEOUT_S) == seconds


def test_compensation_is_not_broken_off_by_the_end_of_its_run() -> None:
    assert cancel_key(request(compensation=True)) is None


def test_content_is_what_the_node_asks() -> None:
    work = LlmCall(
        prompt_name="ask",
        prompt_version=4,
        prompt_hash="0" * 64,
        template="Say {{word}}",
        provider="local",
        model="m",
        max_tokens=9,
        temperature=0.5,
        cache=True,
        system="Be brief.",
        output_schema={"type": "object"},
        stop=["END"],
        seed=7,
        reasoning_effort="low",
        stream=True,
        top_p=0.5,
        parallel_tools=False,
    )
    pictures, tools, turns = (ImageInput("image/png", b"x"),), (ToolSpec("t", "", {}),), (Turn("so", (), ()),)
    assert content_of(work, {"word": "x"}, pictures, Transcript(tools, turns)) == Content(
        max_tokens=9,
        template=Template(name="ask", version=4, text="Say {{word}}", args={"word": "x"}),
        temperature=0.5,
        cache=True,
        pinned=Pin("local", "m"),
        tools=tools,
        turns=turns,
        pictures=pictures,
        system="Be brief.",
        output_schema=OutputSchema({"type": "object"}),
        stop=("END",),
        seed=7,
        reasoning_effort="low",
        stream=True,
        top_p=0.5,
        parallel_tools=False,
    )


@pytest.mark.parametrize(
    "work",
    [
        ToolCall(name="image_analyzer"),
        ToolCall(name="another", config={"model": "m"}),
        FunctionCall(name="image_analyzer", config={"model": "m"}),
    ],
)
def test_only_an_analyzer_with_a_model_asks_one(work: ToolCall | FunctionCall) -> None:
    assert analyzer_question(work) is None


def test_an_analyzer_asks_what_it_is_configured_to() -> None:
    config = {"model": "m", "provider": "p", "prompt": "What is {{it}}?", "max_tokens": 5}
    question = analyzer_question(ToolCall(name="image_analyzer", config=config))
    assert question is not None
    assert (question.provider, question.model, question.max_tokens) == ("p", "m", 5)
    assert (question.template, question.prompt_name, question.cache) == ("What is {{it}}?", "image_analyzer", False)
