"""``trace-spans``: the spans of one attempt or one run, in one record. Key: trace id.

Attributes have our own names (``agentflow.*``); ``services.observability.otel.conventions`` has those of OpenTelemetry.
"""

from typing import ClassVar, Literal

from schemas.records.base import Int64, Json, NanoDollars, Part, Record

#: What a span times. ``queue`` to ``hold`` are waits of an attempt or a call, see ``Phase``; ``external`` came by OTLP.
SpanType = Literal[
    "run",
    "step",
    "attempt",
    "queue",
    "claim",
    "quota",
    "hold",
    "llm_call",
    "embedding",
    "tool_call",
    "agent",
    "guard",
    "cache",
    "timer",
    "signal",
    "child_run",
    "map",
    "external",
]

#: The attribute of a span that stands in for one that its worker may still write, or has written, with the same id.
UNREPORTED = "agentflow.unreported"


class SpanLink(Part, frozen=True, kw_only=True):
    """Another span that this one has to do with: the run that a step started, the run that this one continues."""

    trace_id: str
    span_id: str
    relation: str


class Phase(Part, frozen=True, kw_only=True):
    """A wait inside of a span, in nanoseconds since the epoch. Readers make a span of each, so the log stays small."""

    type: Literal["queue", "claim", "quota", "hold", "guard", "cache"]
    start_ns: Int64
    end_ns: Int64


class Span(Part, frozen=True, kw_only=True):
    """One timed piece of a run. Times are nanoseconds since the Unix epoch, as in OTLP.

    Cost and tokens are the span's own, without those of the spans below it, so they add up: only calls have any.
    The hashes are those of the canonical inputs and output, whatever of them is captured.
    """

    span_id: str
    parent_span_id: str | None = None
    name: str
    kind: Literal["internal", "client", "server", "producer", "consumer"] = "internal"
    start_ns: Int64
    end_ns: Int64
    status: Literal["unset", "ok", "error"] = "unset"
    status_message: str = ""
    attributes: dict[str, Json] = {}
    type: SpanType | Literal[""] = ""
    step_id: str = ""
    attempt: Int64 = 0
    provider: str = ""
    model: str = ""
    cost_nano: NanoDollars = 0
    input_tokens: Int64 = 0
    output_tokens: Int64 = 0
    error_code: str = ""
    input_hash: str = ""
    output_hash: str = ""
    links: list[SpanLink] = []
    phases: list[Phase] = []


class TraceSpans(Record, frozen=True, kw_only=True, tag_field="type", tag="trace.spans"):
    """The spans of one attempt, or those of a run and its steps, in one record. ``record_id`` tells repeats.

    ``session_id`` is a thread of runs, ``user_id`` for whom it runs; ``run_id`` is empty for spans of no run.
    """

    type: ClassVar[str] = "trace.spans"
    record_id: str
    trace_id: str
    org_id: str
    run_id: str
    spans: list[Span]
    workflow_name: str = ""
    tags: dict[str, str] = {}
    session_id: str = ""
    user_id: str = ""
