"""Records to requests of OTLP, in the words of OpenTelemetry. Waits inside of spans become spans below them."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from schemas.errors import BadRecord
from schemas.records.spans import Span, TraceSpans
from schemas.version import VERSION
from services.observability.otel.conventions import attributes_of, name_of
from services.observability.otlp.values import write_attributes
from services.observability.traces.tree import phase_spans

SERVICE = "agentflow"
ORGANISATION = "agentflow.organisation"
_KINDS = {"internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}
_STATUSES = {"unset": Status.STATUS_CODE_UNSET, "ok": Status.STATUS_CODE_OK, "error": Status.STATUS_CODE_ERROR}
_TRACE_ID, _SPAN_ID = re.compile("(?!0{32})[0-9a-f]{32}"), re.compile("(?!0{16})[0-9a-f]{16}")
#: Bytes of a request's attributes, about; receivers refuse more than 4 MiB by default.
MAX_REQUEST_BYTES = 2 * 1024 * 1024
Item = TypeVar("Item")
_Key = tuple[str, str]
_Placed = tuple[TraceSpans, Span]


def spans_of(record: TraceSpans) -> list[Span]:
    """Return a record's spans with their waits.

    Raises ``BadRecord`` for ids that OTLP cannot have: a receiver would refuse the whole request.
    """
    if not _TRACE_ID.fullmatch(record.trace_id):
        raise BadRecord("otlp", f"the trace id {record.trace_id[:40]!r} is not 32 hex digits")
    found = []
    for span in record.spans:
        for one in (span.span_id, span.parent_span_id or span.span_id):
            if not _SPAN_ID.fullmatch(one):
                raise BadRecord("otlp", f"the span id {one[:40]!r} is not 16 hex digits")
        if span.start_ns <= 0:
            raise BadRecord("otlp", f"the span {span.span_id} has no start")
        found += [span, *phase_spans(span)]
    return found


def request_of(records: Iterable[TraceSpans], resource: Mapping[str, str]) -> bytes:
    """Return the bytes of one request with the spans of these records; each organisation is a resource.

    Parents stand before their children. Raises ``BadRecord`` as ``spans_of`` does.
    """
    organisations: dict[str, dict[_Key, _Placed]] = {}
    for record in records:
        placed = organisations.setdefault(record.org_id, {})
        placed.update({(record.trace_id, span.span_id): (record, span) for span in spans_of(record)})
    request = ExportTraceServiceRequest()
    for org_id, placed in organisations.items():
        group = request.resource_spans.add()
        named = {"service.name": SERVICE, "service.version": VERSION, ORGANISATION: org_id, **resource}
        write_attributes(group.resource.attributes, named)
        scope = group.scope_spans.add()
        scope.scope.name, scope.scope.version = SERVICE, VERSION
        for record, span in _parents_first(placed):
            _write(scope.spans, record, span)
    return request.SerializeToString()


def _parents_first(placed: Mapping[_Key, _Placed]) -> Iterator[_Placed]:
    done: set[_Key] = set()
    for key in placed:
        chain: dict[_Key, None] = {}
        above = key
        # Programs may name each other's spans as parents in a ring, so one that is met again ends the chain.
        while above in placed and above not in done and above not in chain:
            chain[above] = None
            above = (above[0], placed[above][1].parent_span_id or "")
        done |= chain.keys()
        yield from (placed[one] for one in reversed(chain))


def _write(into: Any, record: TraceSpans, span: Span) -> None:
    common = {"agentflow.run.id": record.run_id, "agentflow.workflow.name": record.workflow_name}
    common |= {f"agentflow.tag.{name}": value for name, value in record.tags.items()}
    out = into.add(
        trace_id=bytes.fromhex(record.trace_id),
        span_id=bytes.fromhex(span.span_id),
        parent_span_id=bytes.fromhex(span.parent_span_id or ""),
        name=name_of(span, record),
        kind=_KINDS[span.kind],
        start_time_unix_nano=span.start_ns,
        end_time_unix_nano=max(span.start_ns, span.end_ns),
    )
    out.status.code, out.status.message = _STATUSES[span.status], span.status_message
    write_attributes(out.attributes, {n: value for n, value in common.items() if value} | attributes_of(span, record))
    for link in span.links:
        if _TRACE_ID.fullmatch(link.trace_id) and _SPAN_ID.fullmatch(link.span_id):
            to = out.links.add(trace_id=bytes.fromhex(link.trace_id), span_id=bytes.fromhex(link.span_id))
            write_attributes(to.attributes, {"agentflow.link.relation": link.relation})


def grouped(
    items: Sequence[tuple[Item, TraceSpans]], size: int, sizes: Sequence[int]
) -> Iterator[list[tuple[Item, TraceSpans]]]:
    """Yield records in groups of at most ``size`` spans, or one record alone; ``sizes`` are the records' bytes."""
    group: list[tuple[Item, TraceSpans]] = []
    spans = total = 0
    for item, own_bytes in zip(items, sizes, strict=True):
        own = sum(1 + len(span.phases) for span in item[1].spans)
        if group and (spans + own > size or total + own_bytes > MAX_REQUEST_BYTES):
            yield group
            group, spans, total = [], 0, 0
        group.append(item)
        spans, total = spans + own, total + own_bytes
    if group:
        yield group
