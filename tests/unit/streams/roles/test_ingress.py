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
    ],
)
def test_both_modes_give_the_same_event(value: bytes, headers: Headers) -> None:
    event = read_event(record(value, headers))
    assert (event.id, event.source, event.type, event.data) == ("e-1", "/billing", "agentflow.workflow.submit", DATA)


@pytest.mark.parametrize("given", ["a b", "a%20b", "100%7459", "%2Fbilling", "größe"])
def test_ids_of_binary_events_are_as_they_were_sent(given: str) -> None:
    headers = (*without("ce_id"), ("ce_id", given.encode()))
    assert read_event(record(b"{}", headers)).id == given
    assert read_event(record(dumped(id=given), STRUCTURED)).id == given


def test_another_header_may_have_any_bytes() -> None:
    assert read_event(record(b"{}", (*BINARY, ("x", b"\xff"), ("x", b"2")))).id == "e-1"


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
        (b"{}", (*without("ce_id"), ("ce_id", b"e-\xff")), "cloudevent", "ce_id is not UTF-8"),
        (b"{}", (*without("ce_id"), ("ce_id", b"e-\0")), "cloudevent", "id has the character U.0000"),
        (b"{}", (*BINARY, ("CE_ID", b"e-2")), "cloudevent", "ce_id occurs twice"),
        (b'{"inputs": {"a": 1, "a": 2}}', BINARY, "key", "'a' occurs twice"),
        (b'{"inputs": {"a": 18446744073709551616}}', BINARY, "value", "inputs.a: it is an integer of over 64 bits"),
        (dumped(id="a\0"), STRUCTURED, "value", "id: the text has the character U.0000"),
    ],
)
def test_what_is_no_event_says_why(value: bytes | None, headers: Headers, reason: str, message: str) -> None:
    with pytest.raises(BadRecord, match=message) as caught:
        read_event(record(value, headers))
    assert caught.value.reason == reason
