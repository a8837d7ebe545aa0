"""Traces: what runs did, as spans with times, tokens and money."""

from typing import Any

from schemas.api_models.base import Answer

SPAN = "span"


class SpanTotals(Answer):
    """The use of a span and of all spans below it. ``spans`` counts itself, ``calls`` those of models."""

    cost_usd: str
    tokens: int
    input_tokens: int
    output_tokens: int
    spans: int
    calls: int
    errors: int


class SpanLinkAnswer(Answer):
    """Another span that this one has to do with."""

    trace_id: str
    span_id: str
    relation: str


class TraceEvent(Answer):
    """One span of a trace: a run, a step, an attempt, a call, a wait.

    ``timestamp`` is its start, ``duration`` seconds; what has not begun has neither. ``tokens`` and ``cost_usd`` are
    its own: only calls have any; ``total`` has those below it, too. ``status`` is ``ok``, ``error`` or ``unset`` of a
    stored span, and the state of the run or step of a ``drawn`` one, which is shown until the stored one is there.
    ``orphan``: its parent is not in the trace. ``depth`` is 0 for a root, and events come parents first.
    """

    id: str
    parent_id: str | None
    depth: int
    type: str
    name: str
    step_id: str | None
    attempt: int | None
    status: str
    timestamp: str | None
    duration: float | None
    provider: str | None
    model: str | None
    tokens: int
    input_tokens: int
    output_tokens: int
    cost_usd: str
    total: SpanTotals
    error_code: str | None
    message: str | None
    waiting: str | None
    attributes: dict[str, Any]
    links: list[SpanLinkAnswer]
    input_hash: str | None
    output_hash: str | None
    drawn: bool
    orphan: bool


class TraceHead(Answer):
    """A trace as a whole. ``run_id`` is its first run, ``runs`` are all; none for a trace of another program.

    ``duration`` is seconds from the first start to the last end, until now while it runs. ``status`` is that of the
    first run, or of the root span.
    """

    id: str
    run_id: str | None
    runs: list[str]
    workflow: str | None
    status: str
    timestamp: str | None
    duration: float
    cost_usd: str
    tokens: int
    input_tokens: int
    output_tokens: int
    spans: int
    calls: int
    errors: int
    session_id: str | None
    user_id: str | None
    project: str | None
    tags: dict[str, str]


class TraceAnswer(TraceHead):
    """A trace with a page of its events, parents before children.

    ``drawn``: some spans are drawn, as their run has not written its spans yet, or they were not kept. ``orphans``
    counts spans without their parents, ``left_out`` those beyond the 100,000 that are read.
    """

    drawn: bool
    orphans: int
    left_out: int
    events: list[TraceEvent]
    next_cursor: str | None = None


class TimelineRow(Answer):
    """One bar of a timeline. ``start`` and ``duration`` are seconds, ``start`` from that of the trace.

    ``critical``: the trace waited for it at its end. ``folded`` counts the spans that a row stands for, 0 for one span.
    ``cost_usd`` and ``tokens`` have those of the spans below it, too.
    """

    id: str
    depth: int
    name: str
    type: str
    step_id: str | None
    attempt: int | None
    status: str
    start: float
    duration: float
    cost_usd: str
    tokens: int
    provider: str | None
    model: str | None
    error_code: str | None
    waiting: str | None
    critical: bool
    drawn: bool
    orphan: bool
    folded: int


class TimelineAnswer(TraceHead):
    """A trace as rows of bars, parents before children. ``left_out`` counts rows over 5,000."""

    rows: list[TimelineRow]
    left_out: int
