"""Records to rows of ClickHouse, without I/O: the same record at the same place gives the same rows.

Each table's columns are declared once, in the order in which its function fills them. Times are ticks since
the epoch (milliseconds; nanoseconds for spans), money is nano-dollars, absent text is empty.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, get_args

import msgspec
import orjson

from schemas.payload import Payload
from schemas.records.base import OTHER_KINDS, Record, Usage
from schemas.records.budgets import BudgetEvent
from schemas.records.control import KeyReleased
from schemas.records.money import CallStarted, CostEvent, ProviderCall
from schemas.records.quality import AnswerScored
from schemas.records.routes import RouteOutcome, RouteScored
from schemas.records.run_caps import RunCapEvent
from schemas.records.run_views import RunView, StepView
from schemas.records.spans import UNREPORTED, Phase, Span, SpanLink, TraceSpans

Cell = str | int | float | bool | dict[str, str] | dict[str, float] | dict[str, list[float]] | None
Row = tuple[Cell, ...]


class Origin(NamedTuple):
    """Where a record is in the log."""

    topic: str
    partition: int
    offset: int


class Rows(NamedTuple):
    """What one record writes: rows of one table, in the order of ``COLUMNS[table]``."""

    table: str
    rows: list[Row]


COST_EVENTS = "cost_events"
PROVIDER_CALLS = "provider_calls"
TRACE_SPANS = "trace_spans"
STEP_EVENTS = "step_events"
ROUTE_OUTCOMES = "route_outcomes"
QUALITY_SCORES = "quality_scores"

_ORIGIN = ("_topic", "_partition", "_offset")

COLUMNS: dict[str, tuple[str, ...]] = {
    COST_EVENTS: (
        *("org_id", "call_id", "kind", "run_id", "step_id", "workflow_name", "provider", "model"),
        *("amount_nano", "booked_at", "input_tokens", "output_tokens", "price_version", "tags"),
        *_ORIGIN,
        *OTHER_KINDS,
        *("node_id", "prompt_name", "priced_as", "cost_source", "stated_difference_nano"),
    ),
    PROVIDER_CALLS: (
        *("org_id", "call_id", "request_id", "run_id", "step_id", "attempt", "workflow_name", "provider"),
        *("model", "outcome", "error_code", "cached", "input_tokens", "output_tokens", "cost_nano"),
        *("price_version", "started_at", "latency_ms", "idempotency_key", "capture", "request", "response"),
        *_ORIGIN,
        *OTHER_KINDS,
        *("notes", "ttft_ms", "cache_kind", "saved_nano", "priced_as", "labels"),
    ),
    TRACE_SPANS: (
        *("org_id", "trace_id", "span_id", "parent_span_id", "run_id", "name", "kind", "started_at"),
        *("ended_at", "status", "status_message", "attributes", "record_id"),
        *_ORIGIN,
        *("type", "step_id", "attempt", "workflow_name", "provider", "model", "cost_nano", "input_tokens"),
        *(
            "output_tokens",
            "error_code",
            "input_hash",
            "output_hash",
            "session_id",
            "user_id",
            "tags",
            "links",
            "phases",
        ),
    ),
    STEP_EVENTS: (
        *("org_id", "run_id", "step_id", "version", "node_id", "kind", "state", "attempt", "workflow_name"),
        *("workflow_version", "run_status", "submitted_at", "requested_at", "started_at", "finished_at"),
        *(
            "provider",
            "model",
            "worker_id",
            "cached",
            "input_tokens",
            "output_tokens",
            "cost_nano",
            "error_code",
        ),
        *("error_message", "waiting_for", "tags"),
        *_ORIGIN,
        *OTHER_KINDS,
    ),
    ROUTE_OUTCOMES: (
        *("org_id", "prompt", "tier", "decision_id", "kind", "run_id", "step_id", "call_id", "route"),
        *("propensity", "shares", "terms", "outcome", "score", "cost_nano", "estimate_nano", "ceiling_nano"),
        *("latency_ms", "sla_ms", "policy", "models", "learned_from", "fallback", "at"),
        *_ORIGIN,
    ),
    QUALITY_SCORES: (
        *("org_id", "prompt", "version", "workflow_name", "model", "scorer", "score", "call", "run_id", "step_id"),
        "at",
        *_ORIGIN,
    ),
}

_INT64_MAX = 2**63 - 1


def rows_of(record: Record, origin: Origin) -> Rows:
    """Return the rows of a record. Raises ``TypeError`` for a record that analytics keeps no rows of."""
    build = _BUILDERS.get(type(record))
    if build is None:
        raise TypeError(f"no rows are made of {type(record).__name__}; add it to streams/core/rows.py")
    return build(record, origin)


def _cost_event(event: CostEvent, origin: Origin) -> Rows:
    row: Row = (
        *(event.org_id, event.call_id, event.kind, event.run_id, event.step_id, event.workflow_name),
        *(event.provider, event.model, event.amount_nano, event.booked_at_ms),
        *(_int64(event.usage.input_tokens), _int64(event.usage.output_tokens)),
        *(event.price_version, event.tags),
        *origin,
        *_other_kinds(event.usage),
        *(event.node_id, event.prompt_name),
        *(event.priced_as, event.cost_source, _int64(event.stated_difference_nano)),
    )
    return Rows(COST_EVENTS, [row])


def _provider_call(call: ProviderCall, origin: Origin) -> Rows:
    row: Row = (
        *(call.org_id, call.call_id, call.request_id, call.run_id, call.step_id, _int64(call.attempt)),
        *(call.workflow_name, call.provider, call.model, call.outcome, call.error_code or "", call.cached),
        *(_int64(call.usage.input_tokens), _int64(call.usage.output_tokens), call.cost_nano),
        *(call.price_version, call.started_at_ms, call.latency_ms, call.idempotency_key, call.capture),
        *(_payload(call.request), _payload(call.response)),
        *origin,
        *_other_kinds(call.usage),
        *(", ".join(call.notes), call.ttft_ms, call.cache_kind, call.saved_nano, call.priced_as),
        "" if call.labels is None else msgspec.json.encode(call.labels).decode(),
    )
    return Rows(PROVIDER_CALLS, [row])


def _trace_spans(record: TraceSpans, origin: Origin) -> Rows:
    return Rows(TRACE_SPANS, [_span(record, span, origin) for span in record.spans])


def _span(record: TraceSpans, span: Span, origin: Origin) -> Row:
    if UNREPORTED in span.attributes:
        # Of rows with one id that with the highest offset counts, and this one must not replace a worker's own.
        origin = origin._replace(offset=0)
    return (
        *(record.org_id, record.trace_id, span.span_id, span.parent_span_id or "", record.run_id, span.name),
        *(span.kind, _int64(span.start_ns), _int64(span.end_ns), span.status, span.status_message),
        *(orjson.dumps(span.attributes, option=orjson.OPT_SORT_KEYS).decode(), record.record_id),
        *origin,
        *(span.type, span.step_id, _int64(span.attempt), record.workflow_name, span.provider, span.model),
        *(span.cost_nano, _int64(span.input_tokens), _int64(span.output_tokens), span.error_code),
        *(span.input_hash, span.output_hash, record.session_id, record.user_id, record.tags),
        *(_parts(span.links), _parts(span.phases)),
    )


def _run_view(view: RunView, origin: Origin) -> Rows:
    return Rows(STEP_EVENTS, [_step(view, step, origin) for step in view.steps])


def _step(view: RunView, step: StepView, origin: Origin) -> Row:
    error = step.error
    return (
        *(view.org_id, view.run_id, step.step_id, _int64(view.version), step.node_id, step.kind, step.state),
        *(_int64(step.attempt), view.workflow_name, _int64(view.workflow_version), view.status),
        *(view.submitted_at_ms, step.requested_at_ms, step.started_at_ms, step.finished_at_ms),
        *(step.provider or "", step.model or "", step.worker_id, step.cached),
        *(_int64(step.usage.input_tokens), _int64(step.usage.output_tokens), step.cost_nano),
        *(error.code if error else "", error.message if error else "", step.waiting_for or "", view.tags),
        *origin,
        *_other_kinds(step.usage),
    )


def _route_outcome(one: RouteOutcome, origin: Origin) -> Rows:
    row: Row = (
        *(one.org_id, one.prompt, one.tier, one.decision_id, "outcome", one.run_id, one.step_id, one.call_id),
        *(one.route, one.propensity, one.shares, one.terms, one.outcome, one.score),
        *(one.cost_nano, one.estimate_nano, one.ceiling_nano, one.latency_ms, _int64(one.sla_ms or 0)),
        *(one.policy, one.models, _int64(one.learned_from), one.fallback, one.decided_at_ms),
        *origin,
    )
    return Rows(ROUTE_OUTCOMES, [row])


def _route_scored(one: RouteScored, origin: Origin) -> Rows:
    row: Row = (
        *(one.org_id, one.prompt, one.tier, one.decision_id, "score", one.run_id, one.step_id, "", ""),
        *(0.0, {}, {}, "", one.score, 0, 0, 0, 0.0, 0, "", "", 0, False, one.scored_at_ms),
        *origin,
    )
    return Rows(ROUTE_OUTCOMES, [row])


def _answer_scored(one: AnswerScored, origin: Origin) -> Rows:
    row: Row = (
        *(one.org_id, one.prompt, _int64(one.version), one.workflow_name, one.model, one.scorer, one.score),
        *(one.call, one.run_id, one.step_id, one.scored_at_ms),
        *origin,
    )
    return Rows(QUALITY_SCORES, [row])


def _other_kinds(usage: Usage) -> tuple[int, ...]:
    return tuple(_int64(getattr(usage, kind)) for kind in OTHER_KINDS)


def _parts(parts: list[SpanLink] | list[Phase]) -> str:
    return msgspec.json.encode(parts).decode() if parts else ""


def _payload(payload: Payload | None) -> str:
    return "" if payload is None else msgspec.json.encode(payload).decode()


def _int64(value: int) -> int:
    """Keep an unbounded count inside the column's type: one absurd record must not hold up a batch."""
    return value if -_INT64_MAX <= value <= _INT64_MAX else _INT64_MAX if value > 0 else -_INT64_MAX


_BUILDERS: dict[type[Record], Callable[[Any, Origin], Rows]] = {
    CostEvent: _cost_event,
    KeyReleased: lambda _record, _origin: Rows(COST_EVENTS, []),  # an operator's word to the budgets
    AnswerScored: _answer_scored,
    CallStarted: lambda _record, _origin: Rows(COST_EVENTS, []),  # its settlement is what it did cost
    **dict.fromkeys((*get_args(BudgetEvent), *get_args(RunCapEvent)), lambda _record, _origin: Rows(COST_EVENTS, [])),
    ProviderCall: _provider_call,
    TraceSpans: _trace_spans,
    RunView: _run_view,
    RouteOutcome: _route_outcome,
    RouteScored: _route_scored,
}
