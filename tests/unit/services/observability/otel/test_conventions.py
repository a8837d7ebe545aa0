"""Spans in the words of OpenTelemetry and OpenInference."""

from typing import Any, get_args

import pytest

from schemas.records.spans import Span, SpanType, TraceSpans
from services.observability.otel.conventions import COMMIT, KINDS, OPERATIONS, attributes_of, name_of

#: The operations of the registry, as of the pinned commit.
REGISTERED = {
    "chat",
    "generate_content",
    "text_completion",
    "embeddings",
    "retrieval",
    "create_agent",
    "invoke_agent",
    "execute_tool",
    "invoke_workflow",
    "plan",
}
OPENINFERENCE = {"CHAIN", "AGENT", "TOOL", "LLM", "RETRIEVER", "EMBEDDING", "GUARDRAIL", "RERANKER", "EVALUATOR"}


def a_trace(*spans: Span, **fields: Any) -> TraceSpans:
    return TraceSpans(record_id="r", trace_id="t", org_id="acme", run_id="r", spans=list(spans), **fields)


def a_span(type_: Any, **fields: Any) -> Span:
    return Span(span_id="s", name="as written", start_ns=1, end_ns=2, type=type_, **fields)


def test_every_type_has_a_kind_and_no_operation_is_invented() -> None:
    types = set(get_args(SpanType))
    assert set(OPERATIONS) | set(KINDS) <= types
    assert set(OPERATIONS.values()) <= REGISTERED
    for type_ in types - {"external"}:
        assert attributes_of(a_span(type_), a_trace())["openinference.span.kind"] in OPENINFERENCE
    assert len(COMMIT) == 40


def test_a_call_of_a_model() -> None:
    span = a_span(
        "llm_call",
        provider="bedrock",
        model="m-1",
        cost_nano=12,
        input_tokens=5,
        output_tokens=7,
        error_code="timeout",
        step_id="a",
        attempt=2,
        input_hash="i",
        output_hash="o",
        attributes={
            "agentflow.request.max_tokens": 9,
            "agentflow.request.temperature": 0.5,
            "agentflow.usage.cache_read_tokens": 3,
            "agentflow.usage.web_searches": 1,
            "agentflow.response.finish_reason": "stop",
            "agentflow.call.ttft_ms": 1500.0,
        },
    )
    trace = a_trace(workflow_name="w", session_id="thread", user_id="ada")
    assert name_of(span, trace) == "chat m-1"
    assert attributes_of(span, trace) == {
        "openinference.span.kind": "LLM",
        "agentflow.type": "llm_call",
        "gen_ai.operation.name": "chat",
        "gen_ai.workflow.name": "w",
        "gen_ai.conversation.id": "thread",
        "session.id": "thread",
        "user.id": "ada",
        "gen_ai.provider.name": "aws.bedrock",
        "gen_ai.request.model": "m-1",
        "gen_ai.usage.input_tokens": 5,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.usage.cache_read.input_tokens": 3,
        "agentflow.usage.web_searches": 1,
        "agentflow.cost.nano_usd": 12,
        "gen_ai.request.max_tokens": 9,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.response.finish_reasons": ["stop"],
        "agentflow.response.finish_reason": "stop",
        "gen_ai.response.time_to_first_chunk": 1.5,
        "agentflow.call.ttft_ms": 1500.0,
        "error.type": "timeout",
        "agentflow.step.id": "a",
        "agentflow.step.attempt": 2,
        "agentflow.input.hash": "i",
        "agentflow.output.hash": "o",
    }


@pytest.mark.parametrize(
    ("span", "name"),
    [
        (a_span("run"), "invoke_workflow w"),
        (a_span("tool_call", attributes={"agentflow.tool.name": "search"}), "execute_tool search"),
        (a_span("agent", step_id="assistant"), "invoke_agent assistant"),
        (a_span("embedding", model="e"), "embeddings e"),
        (a_span("step", step_id="a"), "as written"),
        (a_span("child_run", step_id="a"), "as written"),
    ],
)
def test_names(span: Span, name: str) -> None:
    assert name_of(span, a_trace(workflow_name="w")) == name


def test_a_span_of_another_program_stays_as_it_came() -> None:
    assert attributes_of(a_span("external", attributes={"llm.model_name": "x"}), a_trace()) == {"llm.model_name": "x"}


def test_tokens_are_said_once() -> None:
    said = attributes_of(a_span("llm_call", input_tokens=5), a_trace())
    assert not [name for name in said if name.startswith("llm.")]
    assert "gen_ai.usage.input_tokens" not in attributes_of(a_span("attempt"), a_trace())
