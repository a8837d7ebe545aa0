"""``trace-spans``: the spans of one attempt or one run, in one record. Key: trace id.

Names and attributes follow the OpenTelemetry semantic conventions for generative AI (``gen_ai.*``).
"""

from typing import ClassVar, Literal

from schemas.records.base import Int64, Json, Part, Record


class Span(Part, frozen=True, kw_only=True):
    """One timed piece of a run. Times are nanoseconds since the Unix epoch, as in OTLP."""

    span_id: str
    parent_span_id: str | None = None
    name: str
    kind: Literal["internal", "client", "server", "producer", "consumer"] = "internal"
    start_ns: Int64
    end_ns: Int64
    status: Literal["unset", "ok", "error"] = "unset"
    status_message: str = ""
    attributes: dict[str, Json] = {}


class TraceSpans(Record, frozen=True, kw_only=True, tag_field="type", tag="trace.spans"):
    """The spans of one attempt, or a run's own span, in one record. ``record_id`` tells repeats."""

    type: ClassVar[str] = "trace.spans"
    record_id: str
    trace_id: str
    org_id: str
    run_id: str
    spans: list[Span]
