"""A span as it came, in either encoding, and the rules that it must keep."""

from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.records.base import Json
from services.observability.otlp.values import clean

#: Of one request. An exporter's batches have 512 by default.
MAX_SPANS = 10_000
#: Of one span, its events' not counted. SDKs limit themselves to 128.
MAX_ATTRIBUTES = 256
#: Characters of one text; what is longer is cut, and the span names it.
MAX_TEXT = 32 * 1024
#: Characters of all texts of a span: a record of several must fit into the log.
MAX_SPAN_TEXT = 128 * 1024
MAX_EVENTS = 64
MAX_LINKS = 64
MAX_NAME = 512
#: Older spans would open old partitions of the store, newer ones come of a wrong clock.
MAX_AGE_NS = 90 * 86_400 * 10**9
MAX_AHEAD_NS = 3_600 * 10**9
#: Names what was cut.
CUT = "agentflow.otlp.cut"

_NO_TRACE = "0" * 32
_NO_SPAN = "0" * 16


class Event(NamedTuple):
    """Something that happened inside of a span."""

    name: str
    time_ns: int
    attributes: dict[str, Json]


@dataclass(slots=True, kw_only=True)
class IncomingSpan:
    """One span. Ids are lower-case hex; ``parent_span_id`` is empty at a root; ``kind`` and ``status`` are OTLP's.

    ``resource`` is shared by the spans of one program. ``size`` is about how many characters its attributes have.
    """

    trace_id: str
    span_id: str
    parent_span_id: str
    name: str
    kind: int
    start_ns: int
    end_ns: int
    attributes: dict[str, Json]
    status: int = 0
    status_message: str = ""
    events: list[Event] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    resource: dict[str, Json] = field(default_factory=dict)
    scope: str = ""
    size: int = 0


@dataclass(slots=True)
class Batch:
    """What one request brings: spans that keep the rules, and why others do not, one text for each."""

    spans: list[IncomingSpan] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def add(self, span: IncomingSpan, now_ns: int) -> None:
        """Add a span, or why it is refused."""
        fault = fault_of(span, now_ns)
        if fault:
            self.refuse(span.name, fault)
        else:
            self.spans.append(span)

    def refuse(self, name: str, fault: str) -> None:
        """Note a span that cannot be taken."""
        self.faults.append(f"span {name[:80]!r}: {fault}")


class TooManySpans(ValueError):
    """A request has more spans than ``MAX_SPANS``."""

    def __init__(self) -> None:
        super().__init__(f"the request has more than {MAX_SPANS} spans; send smaller batches")


def fault_of(span: IncomingSpan, now_ns: int) -> str:
    """Return which rule a span breaks and how to fix it, ``""`` if none. Long texts are cut."""
    return _ids(span) or _times(span, now_ns) or _sizes(span)


def _ids(span: IncomingSpan) -> str:
    if len(span.trace_id) != 32 or span.trace_id == _NO_TRACE:
        return "traceId is not 16 bytes that are not all zero"
    if len(span.span_id) != 16 or span.span_id == _NO_SPAN:
        return "spanId is not 8 bytes that are not all zero"
    if span.parent_span_id and (len(span.parent_span_id) != 16 or span.parent_span_id == _NO_SPAN):
        return "parentSpanId is neither empty nor 8 bytes that are not all zero"
    return "parentSpanId is the span's own id" if span.parent_span_id == span.span_id else ""


def _times(span: IncomingSpan, now_ns: int) -> str:
    if span.end_ns < span.start_ns:
        return "it ends before it starts"
    if span.start_ns < now_ns - MAX_AGE_NS:
        return "it starts more than 90 days ago; times are nanoseconds since 1970"
    return "it ends more than an hour ahead; correct the clock" if span.end_ns > now_ns + MAX_AHEAD_NS else ""


def _sizes(span: IncomingSpan) -> str:
    if len(span.attributes) > MAX_ATTRIBUTES:
        return f"it has more than {MAX_ATTRIBUTES} attributes"
    cut = [name for name, value in span.attributes.items() if isinstance(value, str) and len(value) > MAX_TEXT]
    for name in cut:
        span.attributes[name] = str(span.attributes[name])[:MAX_TEXT]
    if cut:
        span.attributes[CUT] = sorted(cut)
    span.name = clean(span.name)[:MAX_NAME] or "unknown"
    span.status_message = clean(span.status_message)[:MAX_TEXT]
    del span.events[MAX_EVENTS:]
    del span.links[MAX_LINKS:]
    span.size = size_of(span.attributes)
    if span.events:
        span.size += sum(size_of(event.attributes) for event in span.events)
    return f"its texts have more than {MAX_SPAN_TEXT} characters" if span.size > MAX_SPAN_TEXT else ""


def size_of(value: Json) -> int:
    """Return about how many characters a JSON value has when it is written."""
    if isinstance(value, dict):
        total = 2
        # Most values are texts and numbers, and a call for each of them is most of the time here.
        for name, item in value.items():
            own = len(item) + 2 if isinstance(item, str) else size_of(item) if isinstance(item, dict | list) else 8
            total += len(name) + 4 + own
        return total
    if isinstance(value, str):
        return len(value) + 2
    return sum(map(size_of, value)) + 2 if isinstance(value, list) else 8
