"""Payloads on the wire: what is written of both kinds, and what is read back."""

import msgspec
import pytest

from schemas.payload import Inline, Payload, Reference, inline
from streams.core.runs.requests.sizes import payload_size

LABELS = {"$": ["untrusted"], "$.customer.email": ["pii", "email"]}
FAR = Reference(uri="objects:///acme/x", sha256="0" * 64, size=70_000, length=3, tags={"run_id": "r"})


@pytest.mark.parametrize("payload", [inline({"a": [1, None]}), FAR], ids=["inline", "reference"])
@pytest.mark.parametrize("labels", [{}, LABELS], ids=["plain", "labelled"])
def test_a_payload_is_read_back_with_its_labels(payload: Payload, labels: dict[str, list[str]]) -> None:
    one = msgspec.structs.replace(payload, labels=labels)
    assert msgspec.json.decode(msgspec.json.encode(one), type=Payload) == one
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(one), type=Payload) == one


def test_labels_are_left_out_while_there_are_none() -> None:
    assert msgspec.json.encode(inline(1)) == b'{"kind":"inline","value":1}'
    assert b"labels" not in msgspec.json.encode(FAR)


def test_null_is_written_as_a_value() -> None:
    assert msgspec.json.encode(inline(None)) == b'{"kind":"inline","value":null}'
    with pytest.raises(msgspec.ValidationError, match="missing required field `value`"):
        msgspec.json.decode(b'{"kind":"inline"}', type=Payload)


def test_labels_count_for_the_size_of_a_record() -> None:
    for payload in (inline(1), FAR):
        assert payload_size(msgspec.structs.replace(payload, labels=LABELS)) > payload_size(payload) + 40


def test_an_inline_payload_may_be_any_json_value() -> None:
    assert inline("x") == Inline(value="x")
