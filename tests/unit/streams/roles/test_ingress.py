"""CloudEvents in records, in both modes, and what is no CloudEvent."""

import base64
import json
from typing import Any

import pytest

from connectors.ports.engine import Headers, InRecord
from schemas.errors import BadRecord
from streams.roles.cloudevents import read_event

DATA = {"workflow_name": "greeting", "inputs": {"n": 1}}
EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "/billing",
    "type": "agentflow.workflow.submit",
    "data": DATA,
}
BINARY: Headers = (
    ("ce_specversion", b"1.0"),
    ("ce_id", b"e-1"),
    ("ce_source", b"/billing"),
    ("ce_type", b"agentflow.workflow.submit"),
    ("content-type", b"application/json"),
)
STRUCTURED: Headers = (("content-type", b"application/cloudevents+json; charset=UTF-8"),)


def record(value: bytes | None, headers: Headers = ()) -> InRecord:
    return InRecord("workflow-submissions.org", 0, 7, 0, None, value, headers)


def dumped(**changes: Any) -> bytes:
    return json.dumps({k: v for k, v in (EVENT | changes).items() if v is not ...}).encode()


def without(name: str) -> Headers:
    return tuple(h for h in BINARY if h[0] != name)


@pytest.mark.parametrize(
    ("value", "headers"),
    [
        (dumped(), STRUCTURED),
        (dumped(), ()),
        (dumped(time="2026-11-22T17:00:00Z", unknown=1), STRUCTURED),
        (dumped(data=..., data_base64=base64.b64encode(json.dumps(DATA).encode()).decode()), STRUCTURED),
        (json.dumps(DATA).encode(), BINARY),
        (json.dumps(DATA).encode(), without("content-type")),
        (json.dumps(DATA).encode(), tuple((name.upper(), value) for name, value in BINARY)),
        (json.dumps(DATA).encode(), (*without("ce_source"), ("ce_source", b"%2Fbilling"))),
    ],
)
def test_both_modes_give_the_same_event(value: bytes, headers: Headers) -> None:
    event = read_event(record(value, headers))
    assert (event.id, event.source, event.type, event.data) == ("e-1", "/billing", "agentflow.workflow.submit", DATA)


def test_extensions_are_attributes() -> None:
    trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    assert read_event(record(dumped(traceparent=trace))).attributes["traceparent"] == trace
    binary = read_event(record(b"{}", (*BINARY, ("ce_traceparent", trace.encode()))))
    assert binary.attributes["traceparent"] == trace


@pytest.mark.parametrize(
    ("value", "headers", "reason", "message"),
    [
        (None, (), "tombstone", "tombstones"),
        (b"{", STRUCTURED, "json", "not JSON"),
        (b'{"a": NaN}', STRUCTURED, "json", "not JSON"),
        (b"[" * 200 + b"]" * 200, STRUCTURED, "depth", "nested"),
        (b"[]", STRUCTURED, "cloudevent", "neither"),
        (json.dumps(DATA).encode(), (), "cloudevent", "neither"),
        (dumped(specversion="2.0"), STRUCTURED, "cloudevent", "specversion 2.0"),
        (dumped(id=...), STRUCTURED, "cloudevent", "id is missing"),
        (dumped(id=""), STRUCTURED, "cloudevent", "id is missing or empty"),
        (dumped(id=7), STRUCTURED, "cloudevent", "id must be a string"),
        (dumped(data_base64="e30="), STRUCTURED, "cloudevent", "not both"),
        (dumped(data=..., data_base64="%%"), STRUCTURED, "cloudevent", "not base64"),
        (dumped(), (("content-type", b"application/cloudevents-batch+json"),), "cloudevent", "batches"),
        (b"{}", without("ce_source"), "cloudevent", "source is missing"),
        (b"<a/>", (*without("content-type"), ("content-type", b"application/xml")), "cloudevent", "send JSON"),
        (b"\xff", BINARY, "json", "not JSON"),
    ],
)
def test_what_is_no_event_says_why(value: bytes | None, headers: Headers, reason: str, message: str) -> None:
    with pytest.raises(BadRecord, match=message) as caught:
        read_event(record(value, headers))
    assert caught.value.reason == reason
