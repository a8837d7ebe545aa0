"""Requests in Protobuf."""

from collections.abc import Iterable
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from schemas.errors import Undecodable
from schemas.records.base import Json
from services.observability.otlp.incoming.spans import MAX_SPANS, Batch, Event, IncomingSpan, TooManySpans
from services.observability.otlp.values import TooDeep, clean, read_value


def read_protobuf(body: bytes, now_ns: int) -> Batch:
    """Return the spans of a request. Raises ``Undecodable`` and ``TooManySpans``."""
    try:
        request = ExportTraceServiceRequest.FromString(body)
    except DecodeError as exc:
        raise Undecodable("protobuf", "the body is not an ExportTraceServiceRequest in Protobuf") from exc
    groups = [
        (spans.spans, _attributes(resource.resource.attributes), spans.scope.name)
        for resource in request.resource_spans
        for spans in resource.scope_spans
    ]
    if sum(len(spans) for spans, _, _ in groups) > MAX_SPANS:
        raise TooManySpans
    batch = Batch()
    for spans, resource, scope in groups:
        for span in spans:
            try:
                batch.add(_span(span, resource, clean(scope)), now_ns)
            except TooDeep as exc:
                batch.refuse(span.name, str(exc))
    return batch


def _span(span: Any, resource: dict[str, Json], scope: str) -> IncomingSpan:
    status = span.status
    return IncomingSpan(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_span_id=span.parent_span_id.hex(),
        name=span.name,
        kind=span.kind,
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        attributes=_attributes(span.attributes),
        status=status.code,
        status_message=status.message,
        events=[Event(clean(one.name), one.time_unix_nano, _attributes(one.attributes)) for one in span.events],
        links=[(one.trace_id.hex(), one.span_id.hex()) for one in span.links],
        resource=resource,
        scope=scope,
    )


def _attributes(pairs: Iterable[Any]) -> dict[str, Json]:
    return {clean(pair.key): read_value(pair.value) for pair in pairs if pair.key}
