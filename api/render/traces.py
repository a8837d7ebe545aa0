"""Traces as the API shows them: times in RFC 3339, durations in seconds, money as exact decimal text."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.api_models.traces.trace import (
    SPAN,
    SpanLinkAnswer,
    SpanTotals,
    TimelineAnswer,
    TimelineRow,
    TraceAnswer,
    TraceEvent,
)
from schemas.budgets import API_KEY_TAG, PROJECT_TAG
from schemas.money import usd
from schemas.records.spans import Span
from services.observability.traces.drawn import STATE, WAITS_FOR
from services.observability.traces.reading import FoundTrace
from services.observability.traces.timeline import Row, Timeline
from services.observability.traces.tree import Totals, TreeSpan

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NS = 1_000_000_000
#: What drawn spans say in fields of their own.
_SHOWN_APART = frozenset({STATE, WAITS_FOR})


def moment(ns: int) -> str | None:
    """Return nanoseconds since the epoch as RFC 3339 in UTC, to the microsecond; ``None`` outside of the calendar."""
    try:
        at = _EPOCH + timedelta(microseconds=ns // 1000)
    except OverflowError:
        return None
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def seconds(start_ns: int, end_ns: int) -> float:
    """Return the time between two moments, never less than nothing: clocks of several machines differ."""
    return max(0, end_ns - start_ns) / _NS


def trace(
    found: FoundTrace, page: Sequence[tuple[int, TreeSpan]], texts: Mapping[str, Span], next_cursor: str | None
) -> TraceAnswer:
    """Return a trace with a page of its spans."""
    return TraceAnswer(
        **_head(found),
        drawn=any(one.drawn for one in found.tree.by_id.values()),
        orphans=len(found.tree.orphans),
        left_out=found.left_out,
        events=[event(depth, one, texts.get(one.span.span_id, one.span)) for depth, one in page],
        next_cursor=next_cursor,
    )


def timeline(found: FoundTrace, bars: Timeline) -> TimelineAnswer:
    """Return a trace's timeline."""
    return TimelineAnswer(**_head(found), rows=[_row(row, bars.start_ns) for row in bars.rows], left_out=bars.left_out)


def event(depth: int, one: TreeSpan, span: Span) -> TraceEvent:
    """Return one span; ``span`` has its texts."""
    begun = span.attributes.get(STATE) not in {"pending", "ready"} or not one.drawn
    return TraceEvent(
        id=span.span_id,
        parent_id=span.parent_span_id,
        depth=depth,
        type=span.type or SPAN,
        name=span.name,
        step_id=span.step_id or None,
        attempt=span.attempt or None,
        status=_status(one),
        timestamp=moment(span.start_ns) if begun else None,
        duration=seconds(span.start_ns, span.end_ns) if begun else None,
        provider=span.provider or None,
        model=span.model or None,
        tokens=span.input_tokens + span.output_tokens,
        input_tokens=span.input_tokens,
        output_tokens=span.output_tokens,
        cost_usd=usd(span.cost_nano),
        total=totals(one.total),
        error_code=span.error_code or None,
        message=span.status_message or None,
        waiting=_waiting(one),
        attributes={name: value for name, value in span.attributes.items() if name not in _SHOWN_APART},
        links=[SpanLinkAnswer(trace_id=x.trace_id, span_id=x.span_id, relation=x.relation) for x in span.links],
        input_hash=span.input_hash or None,
        output_hash=span.output_hash or None,
        drawn=one.drawn,
        orphan=one.orphan,
    )


def totals(total: Totals) -> SpanTotals:
    """Return what a span and those below it used."""
    return SpanTotals(
        cost_usd=usd(total.cost_nano),
        tokens=total.input_tokens + total.output_tokens,
        input_tokens=total.input_tokens,
        output_tokens=total.output_tokens,
        spans=total.spans,
        calls=total.calls,
        errors=total.errors,
    )


def _head(found: FoundTrace) -> dict[str, Any]:
    spans = [one.span for one in found.tree.by_id.values()]
    start, end = min(span.start_ns for span in spans), max(span.end_ns for span in spans)
    total = found.tree.total
    first = found.of_trace[0] if found.of_trace else None
    run = found.runs[0] if found.runs else None
    runs = list(dict.fromkeys([run.id for run in found.runs] + [one.run_id for one in found.of_trace if one.run_id]))
    tags = run.tags if run is not None else first.tags if first is not None else {}
    workflow = run.workflow_name if run is not None else first.workflow_name if first is not None else ""
    return {
        "id": found.trace_id,
        "run_id": runs[0] if runs else None,
        "runs": runs,
        "workflow": workflow or None,
        "status": run.status if run is not None else _root_status(found),
        "timestamp": moment(start),
        "duration": seconds(start, end),
        "cost_usd": usd(total.cost_nano),
        "tokens": total.input_tokens + total.output_tokens,
        "input_tokens": total.input_tokens,
        "output_tokens": total.output_tokens,
        "spans": total.spans,
        "calls": total.calls,
        "errors": total.errors,
        "session_id": (first.session_id if first is not None else "") or None,
        "user_id": (first.user_id if first is not None else "") or None,
        "project": tags.get(PROJECT_TAG),
        "tags": {name: value for name, value in tags.items() if name != API_KEY_TAG},
    }


def _root_status(found: FoundTrace) -> str:
    root = found.tree.roots[0]
    if root.drawn or root.orphan:
        return _status(root) if root.drawn else "running"
    return "failed" if root.span.status == "error" else "succeeded"


def _row(row: Row, zero_ns: int) -> TimelineRow:
    one, span = row.span, row.span.span
    return TimelineRow(
        id=span.span_id,
        depth=row.depth,
        name=row.name,
        type=span.type or SPAN,
        step_id=span.step_id or None,
        attempt=None if row.folded else span.attempt or None,
        status=("error" if row.total.errors else "ok") if row.folded else _status(one),
        start=seconds(zero_ns, row.start_ns),
        duration=seconds(row.start_ns, row.end_ns),
        cost_usd=usd(row.total.cost_nano),
        tokens=row.total.input_tokens + row.total.output_tokens,
        provider=span.provider or None,
        model=span.model or None,
        error_code=None if row.folded else span.error_code or None,
        waiting=None if row.folded else _waiting(one),
        critical=row.critical,
        drawn=one.drawn,
        orphan=one.orphan,
        folded=row.folded,
    )


def _status(one: TreeSpan) -> str:
    return str(one.span.attributes.get(STATE, one.span.status)) if one.drawn else one.span.status


def _waiting(one: TreeSpan) -> str | None:
    return str(one.span.attributes[WAITS_FOR]) if one.drawn and WAITS_FOR in one.span.attributes else None
