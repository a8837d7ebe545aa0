"""The HTTP protocol binding of CloudEvents 1.0.2: structured, batched and binary mode.

In binary mode attributes are headers ``ce-<name>``, whose values are percent-encoded UTF-8; older senders quote them.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Literal
from urllib.parse import unquote_to_bytes

from schemas.cloudevents.event import BATCHED, STRUCTURED, CloudEvent, event_of, event_of_document
from schemas.errors import BadRecord
from schemas.values.json_text import read_json

Mode = Literal["structured", "batch", "binary"]
#: Events of one batch. More are sent as several batches.
MAX_BATCH = 100
PREFIX = "ce-"
JSON = "application/json"

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(.)")


def headers_of(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return headers by their names in lower case. Raises ``BadRecord`` where one of an event occurs twice."""
    found: dict[str, str] = {}
    for given, value in pairs:
        name = given.lower()
        if name in found and name.startswith(PREFIX):
            raise BadRecord("cloudevent", f"the header {name} occurs twice; send it once")
        found[name] = value
    return found


def mode_of(headers: Mapping[str, str]) -> Mode | None:
    """Return how a request carries events; ``None`` for one that has none. Names of headers are in lower case."""
    media_type = _media_type(headers)
    if media_type.startswith(BATCHED):
        return "batch"
    if media_type.startswith(STRUCTURED):
        return "structured"
    return "binary" if f"{PREFIX}specversion" in headers else None


def read_one(headers: Mapping[str, str], body: bytes) -> CloudEvent:
    """Return the event of a request in structured or binary mode. Raises ``BadRecord``."""
    return event_of_request(headers, read_json(body))


def event_of_request(headers: Mapping[str, str], document: object) -> CloudEvent:
    """Return the event of a request whose body is a JSON value. Raises ``BadRecord``."""
    media_type = _media_type(headers)
    if media_type.startswith(STRUCTURED):
        _refuse_other_format(media_type, f"{STRUCTURED}+json")
        return event_of_document(document)
    if media_type and media_type != JSON and not media_type.endswith("+json"):
        raise BadRecord("cloudevent", f"content-type {media_type} is not taken; send {JSON}")
    attributes = {
        name.removeprefix(PREFIX): decoded(name, value) for name, value in headers.items() if name.startswith(PREFIX)
    }
    return event_of(attributes, document)


def read_batch(headers: Mapping[str, str], body: bytes) -> list[CloudEvent | BadRecord]:
    """Return the events of a batch, and at the place of each that is none the reason.

    Raises ``BadRecord`` for a body that is no batch, and for one of more than ``MAX_BATCH`` events.
    """
    _refuse_other_format(_media_type(headers), f"{BATCHED}+json")
    documents = read_json(body)
    if not isinstance(documents, list):
        raise BadRecord("cloudevent", "a batch is a JSON list of structured events")
    if len(documents) > MAX_BATCH:
        raise BadRecord("cloudevent", f"a batch of {len(documents)} events; send {MAX_BATCH} at most at once")
    return [_read(document) for document in documents]


def decoded(name: str, value: str) -> str:
    """Return the value of a header of an event: without quotes, percent-decoded once. Raises ``BadRecord``."""
    quoted = _QUOTED.fullmatch(value)
    plain = _ESCAPED.sub(r"\1", quoted[1]) if quoted is not None else value
    try:
        # Servers decode bytes of headers as Latin-1; senders that do not encode send UTF-8.
        return unquote_to_bytes(plain.encode("latin-1")).decode()
    except UnicodeError as exc:
        raise BadRecord("cloudevent", f"the header {name} is not percent-encoded UTF-8") from exc


def _read(document: object) -> CloudEvent | BadRecord:
    try:
        return event_of_document(document)
    except BadRecord as exc:
        return exc


def _refuse_other_format(media_type: str, taken: str) -> None:
    if media_type != taken:
        raise BadRecord("cloudevent", f"content-type {media_type} is not taken; send {taken}")


def _media_type(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()
