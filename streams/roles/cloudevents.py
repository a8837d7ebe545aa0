"""CloudEvents 1.0 in Kafka records: structured mode (the value is the event) and binary mode (``ce_`` headers).

After the CloudEvents specification 1.0.2, its JSON format, and its Kafka protocol binding, in which the values of
headers are UTF-8 as they are: nothing is percent-encoded.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.ports.engine import Headers, InRecord
from schemas.errors import BadRecord
from schemas.values.json_text import read_json
from schemas.values.text import text_fault

STRUCTURED = "application/cloudevents"
BATCHED = "application/cloudevents-batch"
MAJOR = "1."

_PREFIX = "ce_"
_CONTENT_TYPE = "content-type"


@dataclass(frozen=True)
class CloudEvent:
    """One event. ``data`` is a JSON value; ``attributes`` are all others, extensions too."""

    id: str
    source: str
    type: str
    data: Any
    attributes: Mapping[str, str]


def read_event(record: InRecord) -> CloudEvent:
    """Return the event in a record. Raises ``BadRecord`` that says what is wrong and how to correct it."""
    headers = _headers(record.headers)
    media_type = headers.get(_CONTENT_TYPE, "").partition(";")[0].strip().lower()
    if media_type.startswith(BATCHED):
        raise BadRecord("cloudevent", "batches are not taken; send one event a record")
    if record.value is None:
        raise BadRecord("tombstone", "a record without a value; submissions take no tombstones")
    if f"{_PREFIX}specversion" in headers and not media_type.startswith(STRUCTURED):
        return _binary(headers, media_type, record.value)
    return _structured(record.value)


def _structured(value: bytes) -> CloudEvent:
    document = read_json(value)
    if not isinstance(document, dict) or "specversion" not in document:
        raise BadRecord(
            "cloudevent",
            "neither a structured CloudEvent (a JSON object with specversion, id, source, type, data) nor a binary one "
            "(headers ce_specversion, ce_id, ce_source, ce_type)",
        )
    attributes = {k: v for k, v in document.items() if k not in ("data", "data_base64")}
    for name in ("specversion", "id", "source", "type"):
        if name in attributes and not isinstance(attributes[name], str):
            raise BadRecord("cloudevent", f"attribute {name} must be a string")
    texts = {k: v for k, v in attributes.items() if isinstance(v, str)}
    return _event(texts, _data(document))


def _data(document: Mapping[str, Any]) -> Any:
    if "data_base64" not in document:
        return document.get("data")
    if "data" in document:
        raise BadRecord("cloudevent", "an event has data or data_base64, not both")
    try:
        return read_json(base64.b64decode(document["data_base64"], validate=True))
    except (TypeError, ValueError, binascii.Error) as exc:
        raise BadRecord("cloudevent", "data_base64 is not base64") from exc


def _binary(headers: Mapping[str, str], media_type: str, value: bytes) -> CloudEvent:
    if media_type and media_type != "application/json" and not media_type.endswith("+json"):
        raise BadRecord("cloudevent", f"content-type {media_type} is not taken; send JSON")
    attributes = {k.removeprefix(_PREFIX): v for k, v in headers.items() if k.startswith(_PREFIX)}
    return _event(attributes, read_json(value))


def _event(attributes: Mapping[str, str], data: Any) -> CloudEvent:
    for name in ("specversion", "id", "source", "type"):
        if not attributes.get(name):
            raise BadRecord("cloudevent", f"attribute {name} is missing or empty")
    for name, value in attributes.items():
        if fault := text_fault(value):
            raise BadRecord("cloudevent", f"attribute {name} has {fault}; remove it")
    if not attributes["specversion"].startswith(MAJOR):
        raise BadRecord("cloudevent", f"specversion {attributes['specversion']} is not 1.x")
    return CloudEvent(attributes["id"], attributes["source"], attributes["type"], data, attributes)


def _headers(headers: Headers) -> dict[str, str]:
    """Return the headers, names in lower case. Another header than those of the event may have any bytes."""
    found: dict[str, str] = {}
    for name, value in ((name.lower(), value or b"") for name, value in headers):
        if name in found and name.startswith(_PREFIX):
            raise BadRecord("cloudevent", f"the header {name} occurs twice; send it once")
        try:
            found[name] = value.decode()
        except UnicodeDecodeError as exc:
            if name.startswith(_PREFIX):
                raise BadRecord("cloudevent", f"the header {name} is not UTF-8; encode it") from exc
    return found
