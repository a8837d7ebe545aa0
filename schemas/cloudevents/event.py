"""One CloudEvent, read from its JSON format or from named attributes.

After the CloudEvents specification 1.0.2 and its JSON format. The bindings differ in where the attributes are: in the
document (structured mode), in headers ``ce_`` of Kafka's records, or in headers ``ce-`` of HTTP and NATS (binary mode).
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.errors import BadRecord
from schemas.values.json_text import read_json
from schemas.values.text import text_fault

STRUCTURED = "application/cloudevents"
BATCHED = "application/cloudevents-batch"
MAJOR = "1."
REQUIRED = ("specversion", "id", "source", "type")


@dataclass(frozen=True)
class CloudEvent:
    """One event. ``data`` is a JSON value; ``attributes`` are all others, extensions too."""

    id: str
    source: str
    type: str
    data: Any
    attributes: Mapping[str, str]


def event_of_document(document: Any) -> CloudEvent:
    """Return the event that a JSON value is. Raises ``BadRecord`` that says what is wrong and how to correct it."""
    if not isinstance(document, dict) or "specversion" not in document:
        raise BadRecord(
            "cloudevent",
            "neither a structured CloudEvent (a JSON object with specversion, id, source, type, data) nor a binary one "
            "(its attributes in headers, as the binding of this protocol names them: ce_id or ce-id)",
        )
    attributes = {k: v for k, v in document.items() if k not in ("data", "data_base64")}
    for name in REQUIRED:
        if name in attributes and not isinstance(attributes[name], str):
            raise BadRecord("cloudevent", f"attribute {name} must be a string")
    texts = {k: v for k, v in attributes.items() if isinstance(v, str)}
    return event_of(texts, _data(document))


def event_of(attributes: Mapping[str, str], data: Any) -> CloudEvent:
    """Return the event of attributes and data. Raises ``BadRecord``."""
    for name in REQUIRED:
        if not attributes.get(name):
            raise BadRecord("cloudevent", f"attribute {name} is missing or empty")
    for name, value in attributes.items():
        if fault := text_fault(value):
            raise BadRecord("cloudevent", f"attribute {name} has {fault}; remove it")
    if not attributes["specversion"].startswith(MAJOR):
        raise BadRecord("cloudevent", f"specversion {attributes['specversion']} is not 1.x")
    return CloudEvent(attributes["id"], attributes["source"], attributes["type"], data, attributes)


def _data(document: Mapping[str, Any]) -> Any:
    if "data_base64" not in document:
        return document.get("data")
    if "data" in document:
        raise BadRecord("cloudevent", "an event has data or data_base64, not both")
    try:
        return read_json(base64.b64decode(document["data_base64"], validate=True))
    except (TypeError, ValueError, binascii.Error) as exc:
        raise BadRecord("cloudevent", "data_base64 is not base64") from exc
