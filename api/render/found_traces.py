"""What queries over traces found, as the API shows it."""

from collections.abc import Sequence
from typing import Any

from api.render.traces import moment, seconds
from connectors.clickhouse.trace_groups import GroupLine
from connectors.clickhouse.trace_query import SpanLine, TraceLine
from schemas.api_models.traces.query import SessionSummary, SpanFound, TraceGroup, TraceSummary, UserSummary
from schemas.api_models.traces.trace import SPAN
from schemas.budgets import API_KEY_TAG, PROJECT_TAG
from schemas.money import usd

_NS = 1_000_000_000


def summary(line: TraceLine) -> TraceSummary:
    """Return a trace."""
    return TraceSummary(
        id=line.trace_id,
        run_id=line.run_id or None,
        workflow=line.workflow or None,
        status=line.status,
        timestamp=moment(line.start_ns),
        duration=seconds(line.start_ns, line.end_ns),
        cost_usd=usd(line.cost_nano),
        tokens=line.input_tokens + line.output_tokens,
        input_tokens=line.input_tokens,
        output_tokens=line.output_tokens,
        spans=line.spans,
        calls=line.calls,
        errors=line.errors,
        error_code=line.error_code or None,
        providers=line.providers,
        models=line.models,
        session_id=line.session_id or None,
        user_id=line.user_id or None,
        project=line.tags.get(PROJECT_TAG),
        tags={name: value for name, value in line.tags.items() if name != API_KEY_TAG},
    )


def span(line: SpanLine) -> SpanFound:
    """Return a span."""
    return SpanFound(
        id=line.span_id,
        trace_id=line.trace_id,
        run_id=line.run_id or None,
        workflow=line.workflow or None,
        type=line.type or SPAN,
        name=line.name,
        step_id=line.step_id or None,
        attempt=line.attempt or None,
        status=line.status,
        timestamp=moment(line.start_ns),
        duration=max(0, line.duration_ns) / _NS,
        provider=line.provider or None,
        model=line.model or None,
        tokens=line.input_tokens + line.output_tokens,
        input_tokens=line.input_tokens,
        output_tokens=line.output_tokens,
        cost_usd=usd(line.cost_nano),
        error_code=line.error_code or None,
        session_id=line.session_id or None,
        user_id=line.user_id or None,
    )


def group(keys: Sequence[str], line: GroupLine) -> TraceGroup:
    """Return a group."""
    return TraceGroup(
        values=dict(zip(keys, line.values, strict=True)),
        count=line.count,
        errors=line.errors,
        cost_usd=usd(line.cost_nano),
        tokens=line.input_tokens + line.output_tokens,
        input_tokens=line.input_tokens,
        output_tokens=line.output_tokens,
        p50=max(0, line.p50_ns) / _NS,
        p95=max(0, line.p95_ns) / _NS,
        first=moment(line.first_ns),
        last=moment(line.last_ns),
    )


def session(line: GroupLine) -> SessionSummary:
    """Return a session."""
    return SessionSummary(**added_up(line))


def user(line: GroupLine) -> UserSummary:
    """Return a user."""
    return UserSummary(**added_up(line))


def added_up(line: GroupLine) -> dict[str, Any]:
    """Return what traces add up to, of a session or a user."""
    return {
        "id": line.values[0],
        "traces": line.count,
        "errors": line.errors,
        "cost_usd": usd(line.cost_nano),
        "tokens": line.input_tokens + line.output_tokens,
        "first": moment(line.first_ns),
        "last": moment(line.last_ns),
    }
