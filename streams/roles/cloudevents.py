"""CloudEvents 1.0 in Kafka records: structured mode (the value is the event) and binary mode (``ce_`` headers).

After the Kafka protocol binding of the specification 1.0.2, in which the values of headers are UTF-8 as they are:
nothing is percent-encoded.
"""

from collections.abc import Mapping

from connectors.ports.engine import Headers, InRecord
from schemas.cloudevents.event import BATCHED, STRUCTURED, CloudEvent, event_of, event_of_document
from schemas.errors import BadRecord
from schemas.values.json_text import read_json

_PREFIX = "ce_"
_CONTENT_TYPE = "content-type"


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
    return event_of_document(read_json(record.value))


def _binary(headers: Mapping[str, str], media_type: str, value: bytes) -> CloudEvent:
    if media_type and media_type != "application/json" and not media_type.endswith("+json"):
        raise BadRecord("cloudevent", f"content-type {media_type} is not taken; send JSON")
    attributes = {k.removeprefix(_PREFIX): v for k, v in headers.items() if k.startswith(_PREFIX)}
    return event_of(attributes, read_json(value))


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
