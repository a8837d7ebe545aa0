"""Requests of OTLP for tests, and the shapes in which instrumentations report agents, written down by hand."""

import gzip
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan

from services.observability.otlp.values import write_attributes

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
ROOT, CHAIN, CALL, TOOL = "00f067aa0ba902b7", "00f067aa0ba902b8", "00f067aa0ba902b9", "00f067aa0ba902ba"
#: 2026-11-29T00:00:00Z; tests say that it is now.
NOW_NS = 1_795_910_400 * 10**9
SECOND = 10**9

#: OpenTelemetry's own names for a call, with the ones that content is recorded under.
GEN_AI = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 200,
    "gen_ai.usage.cache_read.input_tokens": 400,
    "gen_ai.conversation.id": "thread-7",
    "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"secret question"}]}]',
}
#: A workflow of OpenLLMetry: a workflow's span, a task's, a call and a tool.
OPENLLMETRY: list[dict[str, Any]] = [
    {
        "span_id": ROOT,
        "name": "research.workflow",
        "attributes": {
            "traceloop.span.kind": "workflow",
            "traceloop.entity.name": "research",
            "traceloop.workflow.name": "research",
            "traceloop.entity.input": '{"inputs": {"question": "secret question"}}',
            "traceloop.association.properties.session_id": "thread-7",
            "traceloop.association.properties.user_id": "ada",
        },
    },
    {
        "span_id": CALL,
        "parent": ROOT,
        "name": "openai.chat",
        "kind": 3,
        "attributes": {
            "llm.request.type": "chat",
            "gen_ai.system": "OpenAI",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.response.model": "gpt-4o-2024-08-06",
            "gen_ai.usage.prompt_tokens": 1000,
            "gen_ai.usage.completion_tokens": 200,
            "gen_ai.usage.cache_read_input_tokens": 400,
            "llm.usage.total_tokens": 1200,
            "gen_ai.prompt.0.role": "user",
            "gen_ai.prompt.0.content": "secret question",
            "gen_ai.completion.0.content": "secret answer",
            "traceloop.workflow.name": "research",
        },
    },
    {
        "span_id": TOOL,
        "parent": ROOT,
        "name": "search.tool",
        "attributes": {
            "traceloop.span.kind": "tool",
            "traceloop.entity.name": "search",
            "traceloop.entity.output": '"secret answer"',
        },
    },
]
#: The same by OpenInference: a chain, a call and a tool.
OPENINFERENCE: list[dict[str, Any]] = [
    {
        "span_id": ROOT,
        "name": "research",
        "attributes": {
            "openinference.span.kind": "CHAIN",
            "input.value": "secret question",
            "input.mime_type": "text/plain",
            "output.value": "secret answer",
            "session.id": "thread-7",
            "user.id": "ada",
            "llm.token_count.prompt": 1000,
        },
    },
    {
        "span_id": CALL,
        "parent": ROOT,
        "name": "ChatCompletion",
        "attributes": {
            "openinference.span.kind": "LLM",
            "llm.provider": "openai",
            "llm.system": "openai",
            "llm.model_name": "gpt-4o-2024-08-06",
            "llm.token_count.prompt": 1000,
            "llm.token_count.completion": 200,
            "llm.token_count.total": 1200,
            "llm.token_count.prompt_details.cache_read": 400,
            "llm.input_messages.0.message.role": "user",
            "llm.input_messages.0.message.content": "secret question",
            "llm.invocation_parameters": '{"temperature": 0.2}',
        },
    },
    {
        "span_id": TOOL,
        "parent": ROOT,
        "name": "search",
        "attributes": {
            "openinference.span.kind": "TOOL",
            "tool.name": "search",
            "tool.parameters": '{"query": "secret question"}',
            "output.value": "secret answer",
        },
    },
]
#: The same by LangChain, whose calls and whose clients both report: a chain, the framework's call, the client's call.
LANGCHAIN: list[dict[str, Any]] = [
    {
        "span_id": ROOT,
        "name": "RunnableSequence",
        "attributes": {
            "langsmith.span.kind": "chain",
            "langsmith.trace.name": "RunnableSequence",
            "langsmith.metadata.thread_id": "thread-7",
            "langsmith.metadata.user_id": "ada",
            "gen_ai.prompt": '{"input": "secret question"}',
            "gen_ai.usage.input_tokens": 1000,
        },
    },
    {
        "span_id": CHAIN,
        "parent": ROOT,
        "name": "ChatOpenAI",
        "attributes": {
            "langsmith.span.kind": "llm",
            "langsmith.metadata.ls_provider": "openai",
            "langsmith.metadata.ls_model_name": "gpt-4o",
            "gen_ai.operation.name": "chat",
            "gen_ai.system": "langchain",
            "gen_ai.usage.input_tokens": 1000,
            "gen_ai.usage.output_tokens": 200,
        },
    },
    {"span_id": CALL, "parent": CHAIN, "name": "chat gpt-4o", "kind": 3, "attributes": GEN_AI},
    {
        "span_id": TOOL,
        "parent": ROOT,
        "name": "search",
        "attributes": {
            "langsmith.span.kind": "tool",
            "gen_ai.tool.name": "search",
            "gen_ai.completion": "secret answer",
        },
    },
]
SHAPES = {"openllmetry": OPENLLMETRY, "openinference": OPENINFERENCE, "langchain": LANGCHAIN}


def request_of(spans: list[dict[str, Any]], *, now_ns: int = NOW_NS, trace: str = TRACE) -> ExportTraceServiceRequest:
    """Return a request of one program with these spans; each lasts a second that ended a second ago."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    write_attributes(resource.resource.attributes, {"service.name": "researcher", "telemetry.sdk.language": "python"})
    scope = resource.scope_spans.add()
    scope.scope.name = "handmade"
    for one in spans:
        scope.spans.append(span_of(one, now_ns=now_ns, trace=trace))
    return request


def span_of(one: dict[str, Any], *, now_ns: int = NOW_NS, trace: str = TRACE) -> ProtoSpan:
    """Return a span."""
    span = ProtoSpan(
        trace_id=bytes.fromhex(one.get("trace", trace)),
        span_id=bytes.fromhex(one["span_id"]),
        parent_span_id=bytes.fromhex(one.get("parent", "")),
        name=one.get("name", "work"),
        kind=one.get("kind", 1),
        start_time_unix_nano=one.get("start_ns", now_ns - 2 * SECOND),
        end_time_unix_nano=one.get("end_ns", now_ns - SECOND),
    )
    span.status.code = one.get("status", 0)
    write_attributes(span.attributes, one.get("attributes", {}))
    return span


def body_of(spans: list[dict[str, Any]], *, now_ns: int = NOW_NS, trace: str = TRACE, packed: bool = False) -> bytes:
    """Return a request's bytes."""
    body = request_of(spans, now_ns=now_ns, trace=trace).SerializeToString()
    return gzip.compress(body) if packed else body


def json_of(spans: list[dict[str, Any]], *, now_ns: int = NOW_NS, trace: str = TRACE) -> dict[str, Any]:
    """Return the same request in OTLP's JSON."""
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": _pairs({"service.name": "researcher", "telemetry.sdk.language": "python"})},
                "scopeSpans": [{"scope": {"name": "handmade"}, "spans": [_json(one, now_ns, trace) for one in spans]}],
            }
        ]
    }


def _json(one: dict[str, Any], now_ns: int, trace: str) -> dict[str, Any]:
    return {
        "traceId": one.get("trace", trace),
        "spanId": one["span_id"],
        "parentSpanId": one.get("parent", ""),
        "name": one.get("name", "work"),
        "kind": one.get("kind", 1),
        "startTimeUnixNano": str(one.get("start_ns", now_ns - 2 * SECOND)),
        "endTimeUnixNano": str(one.get("end_ns", now_ns - SECOND)),
        "attributes": _pairs(one.get("attributes", {})),
        "status": {"code": one.get("status", 0)},
        "aFieldOfALaterVersion": True,
    }


def _pairs(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    kinds = {str: "stringValue", bool: "boolValue", int: "intValue", float: "doubleValue"}
    return [
        {"key": name, "value": {kinds[type(value)]: str(value) if type(value) is int else value}}
        for name, value in attributes.items()
    ]
