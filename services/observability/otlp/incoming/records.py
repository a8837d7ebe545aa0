"""Foreign spans as records of ``trace-spans``: one for the spans of a trace, or several where they are many."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from connectors.postgres.history.trace_runs import TraceRun
from schemas.records.base import Json
from schemas.records.run_events import Capture
from schemas.records.spans import Span, SpanLink, TraceSpans
from services.observability.otlp.incoming.content import captured
from services.observability.otlp.incoming.dialects import Facts, facts_of
from services.observability.otlp.incoming.pricing import Prices
from services.observability.otlp.incoming.spans import IncomingSpan, size_of

#: Of one record, which is at most a mebibyte: a character may take four bytes.
MAX_RECORD_SPANS = 200
MAX_RECORD_TEXT = 150 * 1024
#: Marks a span that came from outside; the exporter leaves such spans out unless a target wants them.
ORIGIN = "agentflow.origin"
FROM_OTLP = "otlp"
#: On a call whose model has no price here.
UNPRICED = "agentflow.cost.unpriced"
EVENTS = "agentflow.otlp.events"
#: What of a program's resource is kept with each of its spans.
_RESOURCE = ("service.name", "service.version", "deployment.environment.name", "openinference.project.name")

SpanKindName = Literal["internal", "client", "server", "producer", "consumer"]
_KINDS: Mapping[int, SpanKindName] = {2: "server", 3: "client", 4: "producer", 5: "consumer"}
_STATUSES: Mapping[int, Literal["ok", "error"]] = {1: "ok", 2: "error"}
_EXCEPTION = "exception"


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What the records of one request have in common. ``runs`` are by trace id; ``tags`` of the sender."""

    org_id: str
    capture: Capture
    prices: Prices
    runs: Mapping[str, TraceRun]
    tags: Mapping[str, str] = field(default_factory=dict)


def records_of(spans: Iterable[IncomingSpan], context: Context) -> list[TraceSpans]:
    """Return the records of one request's spans. The same spans give the same records."""
    traces: dict[str, list[IncomingSpan]] = {}
    for span in spans:
        traces.setdefault(span.trace_id, []).append(span)
    return [record for trace, own in traces.items() for record in _of_trace(trace, own, context)]


def _of_trace(trace_id: str, spans: Sequence[IncomingSpan], context: Context) -> Iterator[TraceSpans]:
    facts = [facts_of(span.attributes) for span in spans]
    repeated = _repeated(spans, facts)
    run = context.runs.get(trace_id)
    said = [
        _span(span, one, context, counts=span.span_id not in repeated) for span, one in zip(spans, facts, strict=True)
    ]
    sizes = [_size(span, context.capture) for span in spans]
    for part in _parts(said, sizes):
        yield TraceSpans(
            record_id=_record_id(context.org_id, trace_id, part),
            trace_id=trace_id,
            org_id=context.org_id,
            run_id=run.run_id if run else "",
            spans=part,
            workflow_name=run.workflow_name if run else _first(one.workflow for one in facts),
            tags={**context.tags, **(run.tags if run else {})},
            session_id=_first(one.session_id for one in facts),
            user_id=_first(one.user_id for one in facts),
        )


def _repeated(spans: Sequence[IncomingSpan], facts: Sequence[Facts]) -> set[str]:
    """Return the calls that have a call right below them: a framework and a client both report the same one."""
    called = {span.span_id for span, one in zip(spans, facts, strict=True) if one.type == "llm_call"}
    below = {
        span.parent_span_id
        for span, one in zip(spans, facts, strict=True)
        if one.type == "llm_call" and one.usage.input_tokens
    }
    return called & below


def _span(span: IncomingSpan, facts: Facts, context: Context, *, counts: bool) -> Span:
    error = _error_code(span)
    captured(span, context.capture)
    attributes = _attributes(span)
    called = facts.type in ("llm_call", "embedding")
    provider, model = context.prices.named(facts) if called else ("", "")
    cost = context.prices.cost(facts, span.start_ns // 1_000_000) if called and counts else 0
    if cost is None:
        attributes[UNPRICED] = True
    return Span(
        span_id=span.span_id,
        parent_span_id=span.parent_span_id or None,
        name=span.name,
        kind=_KINDS.get(span.kind, "internal"),
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        status=_STATUSES.get(span.status, "unset"),
        status_message=span.status_message,
        attributes=attributes,
        type=facts.type,
        provider=provider,
        model=model,
        cost_nano=cost or 0,
        input_tokens=facts.usage.input_tokens if counts else 0,
        output_tokens=facts.usage.output_tokens if counts else 0,
        error_code=error,
        links=[SpanLink(trace_id=t, span_id=s, relation="") for t, s in span.links if len(t) == 32 and len(s) == 16],
    )


def _attributes(span: IncomingSpan) -> dict[str, Json]:
    attributes = span.attributes
    for name in _RESOURCE:
        value = span.resource.get(name)
        if isinstance(value, str) and value:
            attributes.setdefault(name, value[:256])
    if span.scope:
        attributes["otel.scope.name"] = span.scope[:256]
    if span.events:
        attributes[EVENTS] = [
            {"name": one.name, "time_ns": one.time_ns, "attributes": one.attributes} for one in span.events
        ]
    attributes[ORIGIN] = FROM_OTLP
    return attributes


def _error_code(span: IncomingSpan) -> str:
    named = span.attributes.get("error.type")
    if isinstance(named, str) and named:
        return named[:256]
    raised = next((one.attributes.get("exception.type") for one in span.events if one.name == _EXCEPTION), None)
    if isinstance(raised, str) and raised:
        return raised[:256]
    return "error" if span.status == 2 else ""


def _size(span: IncomingSpan, capture: Capture) -> int:
    """Return about how many characters a span has in a record; hashes in place of texts may be longer than these."""
    attributes = span.size if capture == "full" else size_of(span.attributes)
    return attributes + len(span.status_message) + 512


def _parts(spans: Sequence[Span], sizes: Sequence[int]) -> Iterator[list[Span]]:
    part: list[Span] = []
    size = 0
    for span, own in zip(spans, sizes, strict=True):
        if part and (len(part) >= MAX_RECORD_SPANS or size + own > MAX_RECORD_TEXT):
            yield part
            part, size = [], 0
        part.append(span)
        size += own
    if part:
        yield part


def _record_id(org_id: str, trace_id: str, spans: Sequence[Span]) -> str:
    ids = "\x1f".join((org_id, trace_id, *(span.span_id for span in spans)))
    return f"otlp:{hashlib.sha256(ids.encode()).hexdigest()[:32]}"


def _first(texts: Iterable[str]) -> str:
    return next(filter(None, texts), "")
