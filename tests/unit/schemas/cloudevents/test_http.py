"""CloudEvents over HTTP: modes, decoding of headers, batches and their limit."""

import json
import re
from typing import Any

import pytest

from schemas.cloudevents.event import CloudEvent
from schemas.cloudevents.http import MAX_BATCH, headers_of, mode_of, read_batch, read_one
from schemas.errors import BadRecord

DATA = {"workflow_name": "greeting"}
EVENT: dict[str, Any] = {"specversion": "1.0", "id": "e-1", "source": "/billing", "type": "t", "data": DATA}
BINARY = {
    "ce-specversion": "1.0",
    "ce-id": "e-1",
    "ce-source": "/billing",
    "ce-type": "t",
    "content-type": "application/json; charset=utf-8",
}
STRUCTURED = {"content-type": "application/cloudevents+json; charset=UTF-8"}
BATCH = {"content-type": "application/cloudevents-batch+json"}


@pytest.mark.parametrize(
    ("headers", "mode"),
    [
        (STRUCTURED, "structured"),
        ({"content-type": "Application/CloudEvents+JSON"}, "structured"),
        # The content type decides where both are there.
        (BINARY | STRUCTURED, "structured"),
        (BATCH, "batch"),
        (BINARY, "binary"),
        ({"content-type": "application/json"}, None),
        ({"content-type": "application/json", "ce-id": "e-1"}, None),
        ({}, None),
    ],
)
def test_content_type_and_specversion_name_the_mode(headers: dict[str, str], mode: str | None) -> None:
    assert mode_of(headers) == mode


def test_both_modes_give_the_same_event() -> None:
    structured = read_one(STRUCTURED, json.dumps(EVENT).encode())
    binary = read_one(BINARY, json.dumps(DATA).encode())
    assert structured == binary
    assert (binary.id, binary.source, binary.data) == ("e-1", "/billing", DATA)


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("a b", "a b"),
        ("a%20b", "a b"),
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro \N{EURO SIGN} \N{GRINNING FACE}"),
        ("50%", "50%"),
        # One round of decoding, and no more.
        ("100%2525", "100%25"),
        ('"a \\"quoted\\" one"', 'a "quoted" one'),
        ('half "quoted"', 'half "quoted"'),
        # UTF-8 that was not encoded, as a server shows it.
        ("größe".encode().decode("latin-1"), "größe"),
    ],
)
def test_headers_are_decoded_once(sent: str, read: str) -> None:
    assert read_one(BINARY | {"ce-id": sent}, b"{}").id == read


@pytest.mark.parametrize(
    ("headers", "body", "said"),
    [
        ({**BINARY, "ce-id": ""}, b"{}", "attribute id is missing or empty"),
        ({**BINARY, "ce-id": "%FF"}, b"{}", "the header ce-id is not percent-encoded UTF-8"),
        ({**BINARY, "ce-id": "a%00b"}, b"{}", "attribute id has the character U+0000"),
        ({**BINARY, "ce-specversion": "2.0"}, b"{}", "specversion 2.0 is not 1.x"),
        ({**BINARY, "content-type": "text/plain"}, b"{}", "content-type text/plain is not taken"),
        ({"content-type": "application/cloudevents+avro"}, b"{}", "send application/cloudevents+json"),
        (STRUCTURED, b"[]", "neither a structured CloudEvent"),
        (STRUCTURED, json.dumps(EVENT | {"id": 7}).encode(), "attribute id must be a string"),
        (STRUCTURED, json.dumps(EVENT | {"data_base64": "e30="}).encode(), "data or data_base64, not both"),
        (STRUCTURED, b"{", "not JSON"),
    ],
)
def test_what_is_no_event_says_why(headers: dict[str, str], body: bytes, said: str) -> None:
    with pytest.raises(BadRecord, match=re.escape(said)):
        read_one(headers, body)


def test_a_header_of_an_event_occurs_once() -> None:
    assert headers_of([("X", "1"), ("x", "2"), ("Ce-Id", "3")]) == {"x": "2", "ce-id": "3"}
    with pytest.raises(BadRecord, match="ce-id occurs twice"):
        headers_of([("ce-id", "1"), ("CE-ID", "1")])


def test_a_batch_keeps_the_places_of_what_is_no_event() -> None:
    found = read_batch(BATCH, json.dumps([EVENT, {"id": "x"}, EVENT | {"id": "e-2"}]).encode())
    assert [one.id if isinstance(one, CloudEvent) else one.reason for one in found] == ["e-1", "cloudevent", "e-2"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (json.dumps([EVENT] * (MAX_BATCH + 1)).encode(), f"a batch of {MAX_BATCH + 1} events; send {MAX_BATCH}"),
        (json.dumps(EVENT).encode(), "a batch is a JSON list"),
        (b"nothing", "not JSON"),
    ],
)
def test_what_is_no_batch_is_refused_whole(body: bytes, said: str) -> None:
    with pytest.raises(BadRecord, match=re.escape(said)):
        read_batch(BATCH, body)


def test_a_batch_has_the_limit_at_most() -> None:
    assert len(read_batch(BATCH, json.dumps([EVENT] * MAX_BATCH).encode())) == MAX_BATCH
    assert read_batch(BATCH, b"[]") == []
