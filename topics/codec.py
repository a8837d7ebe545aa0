"""Records to bytes and back. JSON, UTF-8, one object a record.

``decode`` raises ``Undecodable`` (dead-letter the bytes) or ``NewerMajor`` (pause the partition), nothing else.
"""

from functools import lru_cache
from typing import Any

import msgspec
import orjson

from schemas.errors import NewerMajor, Undecodable
from schemas.records.base import MAJOR, VERSION, Record
from schemas.records.run_events import StepFailed, StepSucceeded
from schemas.records.spec_hooks import from_model, to_model
from schemas.spec.rules_version import NEWEST
from topics.catalogue import declared
from topics.outcome_values import check_outcome

#: Deeper JSON is refused: orjson writes at most 254 levels, and a record must be writable again.
MAX_DEPTH = 100
_OURS = f"{MAJOR}."
#: Maximum length of a message, in characters.
_TEXT_MOST = 400
_DIGITS_MOST = 10


def encode(record: Record) -> bytes:
    """Return a record's bytes."""
    return _ENCODER.encode(record)


def decode(topic: str, value: bytes | None) -> Any:
    """Return the record in ``value`` as the topic's model. Raises as described in the module."""
    decoder = _decoder(topic)
    if value is None:
        raise Undecodable("tombstone", f"a record without a value; {topic} takes no tombstones")
    # Counting brackets is cheap and clears nearly every record; only the others are measured.
    brackets = value.count(b"{") + value.count(b"[")
    if brackets > MAX_DEPTH:
        parse(value)
    try:
        value.decode()  # the decoder skips unknown fields, and would skip a field whose name was damaged
        record = decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        _raise_if_newer(parse(value))
        raise Undecodable("schema", _short(str(exc))) from exc
    if not record.v.startswith(_OURS):
        _raise_if_newer({"v": record.v})
        raise Undecodable("schema", f"v: major version of {_short(record.v)!r} is not {MAJOR}")
    if isinstance(record, StepSucceeded | StepFailed):
        check_outcome(record, value, _ENCODER.encode(record), brackets)
    return record


def _short(text: str) -> str:
    """Cut the middle of a long text: a message quotes the found value, possibly all of a record, and ends with its
    place.
    """
    return text if len(text) <= _TEXT_MOST else f"{text[: _TEXT_MOST // 2]} … {text[-_TEXT_MOST // 2 :]}"


def parse(value: bytes) -> Any:
    """Return the JSON value in ``value``. Raises ``Undecodable`` for anything that cannot be written again."""
    try:
        data = orjson.loads(value)
    except orjson.JSONDecodeError as exc:
        raise Undecodable("json", f"not JSON in UTF-8: {exc}") from exc
    if value.count(b"{") + value.count(b"[") > MAX_DEPTH and _depth_exceeds(data, MAX_DEPTH):
        raise Undecodable("depth", f"nested deeper than {MAX_DEPTH} levels; flatten it")
    return data


def _raise_if_newer(data: object) -> None:
    """Raise ``NewerMajor`` for a record of a newer version, or of a run by rules that are newer than ours.

    Those may have kinds of nodes that we cannot read; the run waits for a reader that can.
    """
    rules = data.get("rules_version") if isinstance(data, dict) else None
    if isinstance(rules, int) and rules > NEWEST:
        raise NewerMajor(f"rules {rules}", f"rules {NEWEST}")
    found = data.get("v") if isinstance(data, dict) else None
    major = found.partition(".")[0] if isinstance(found, str) else ""
    # Python refuses to read a number of thousands of digits; none that long is a version.
    if major.isascii() and major.isdigit() and len(major) < _DIGITS_MOST and int(major) > MAJOR:
        raise NewerMajor(_short(str(found)), VERSION)


@lru_cache(maxsize=1024)
def _decoder(topic: str) -> msgspec.json.Decoder[Any]:
    model = declared(topic).model
    if model is None:
        raise ValueError(f"{topic} has no model; read its bytes unchanged")
    return msgspec.json.Decoder(model, dec_hook=to_model)


_ENCODER = msgspec.json.Encoder(enc_hook=from_model)


def _depth_exceeds(data: object, limit: int) -> bool:
    level: list[Any] = [data]
    for _ in range(limit):
        level = [child for node in level for child in _children(node)]
        if not level:
            return False
    return True


def _children(node: Any) -> list[Any]:
    if isinstance(node, dict):
        return [v for v in node.values() if isinstance(v, (dict, list))]
    if isinstance(node, list):
        return [v for v in node if isinstance(v, (dict, list))]
    return []
