"""Queries over traces: what is wanted of them, and what was found."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from schemas.api_models.base import MAX_PAGE, Answer, Request, Tags, Text, Usd
from schemas.run_states import RunEnd

MAX_KEYS = 3
_Name = Annotated[Text, Field(min_length=1, max_length=256)]
_Count = Annotated[int, Field(ge=0, le=2**53, strict=True)]
#: Seconds; at most ten years.
_Seconds = Annotated[float, Field(ge=0, le=315_360_000, allow_inf_nan=False)]
_Time = Annotated[Text, Field(min_length=1, max_length=64)]


class QueryTraces(Request):
    """Which traces, or spans, of a time are wanted. What is not given does not filter.

    ``start`` and ``end`` are RFC 3339, a span back from now (``1h``) or ``now``; without ``start`` it is the last hour.
    ``level`` is ``trace``, or ``span`` for single spans; with ``run_id`` or a key of spans in ``group_by`` it is
    ``span``. Of a trace, ``provider`` to ``text`` must hold for one and the same of its spans; ``status`` and the
    bounds are of the whole trace. ``prompt`` is a name, or ``name@version``. ``text`` is searched in names, steps, and
    codes and messages of errors.
    ``group_by`` takes up to three of ``workflow``, ``status``, ``session``, ``user``, ``project``, ``tag.<name>``,
    ``hour``, ``day``, ``provider``, ``model``, ``type``, ``error_code``, ``name``, ``prompt``.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={"examples": [{"start": "1h", "end": "now", "provider": "openai", "min_cost_usd": "0.01"}]},
    )

    start: _Time | None = None
    end: _Time = "now"
    level: Literal["trace", "span"] | None = None
    run_id: _Name | None = None
    workflow: _Name | None = None
    status: Literal["running", RunEnd, "ok", "error", "unset"] | None = None
    provider: _Name | None = None
    model: _Name | None = None
    type: _Name | None = None
    error_code: _Name | None = None
    prompt: _Name | None = None
    text: _Name | None = None
    session_id: _Name | None = None
    user_id: _Name | None = None
    project: _Name | None = None
    tags: Tags = {}
    min_cost_usd: Usd | None = None
    max_cost_usd: Usd | None = None
    min_duration: _Seconds | None = None
    max_duration: _Seconds | None = None
    min_tokens: _Count | None = None
    max_tokens: _Count | None = None
    group_by: Annotated[list[_Name], Field(max_length=MAX_KEYS)] = []
    sort: Literal["start", "cost", "duration", "tokens", "count", "errors"] | None = None
    order: Literal["desc", "asc"] = "desc"
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE, strict=True)] = 100
    cursor: Annotated[str, Field(max_length=1024)] | None = None


class TraceSummary(Answer):
    """A trace as lists show it. ``error_code`` is the run's, or that of its first span that failed."""

    id: str
    run_id: str | None
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
    error_code: str | None
    providers: list[str]
    models: list[str]
    session_id: str | None
    user_id: str | None
    project: str | None
    tags: dict[str, str]


class SpanFound(Answer):
    """A span as lists show it; its trace has the rest. ``duration`` is seconds."""

    id: str
    trace_id: str
    run_id: str | None
    workflow: str | None
    type: str
    name: str
    step_id: str | None
    attempt: int | None
    status: str
    timestamp: str | None
    duration: float
    provider: str | None
    model: str | None
    tokens: int
    input_tokens: int
    output_tokens: int
    cost_usd: str
    error_code: str | None
    session_id: str | None
    user_id: str | None


class TraceGroup(Answer):
    """The sum of the traces, attempts or spans with these values.

    ``p50`` and ``p95`` are of durations, in seconds; ``first`` and ``last`` are when the first and the last one began.
    """

    values: dict[str, str]
    count: int
    errors: int
    cost_usd: str
    tokens: int
    input_tokens: int
    output_tokens: int
    p50: float
    p95: float
    first: str | None
    last: str | None


class TracesFound(Answer):
    """The list of the query's ``level``: ``traces`` or ``events`` (spans); or ``groups``, which count what it says.

    Traces are those of which spans began from ``start`` until before ``end``.
    """

    level: Literal["trace", "attempt", "span"]
    start: str | None
    end: str | None
    traces: list[TraceSummary] = []
    events: list[SpanFound] = []
    groups: list[TraceGroup] = []
    next_cursor: str | None = None


class SessionSummary(Answer):
    """A thread of runs: how many traces it has within the time, and what they add up to."""

    id: str
    traces: int
    errors: int
    cost_usd: str
    tokens: int
    first: str | None
    last: str | None


class SessionPage(Answer):
    """Sessions, the latest first."""

    sessions: list[SessionSummary]
    next_cursor: str | None = None


class SessionAnswer(SessionSummary):
    """A session with a page of its traces, in the order in which they began."""

    runs: list[TraceSummary]
    next_cursor: str | None = None


class UserSummary(Answer):
    """A user for whom runs ran: their traces within the time, and what they add up to."""

    id: str
    traces: int
    errors: int
    cost_usd: str
    tokens: int
    first: str | None
    last: str | None


class UserPage(Answer):
    """Users, those with the highest cost first."""

    users: list[UserSummary]
    next_cursor: str | None = None
