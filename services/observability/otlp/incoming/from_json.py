"""Requests in OTLP's JSON: ids in hex, enumerations as numbers, 64-bit integers as texts or numbers.

Fields that are not known are left out, as the protocol wants it. A field of a wrong type refuses the whole request,
with its path, because a Protobuf of that kind could not be read either.
"""

import re
from typing import Any

import orjson

from schemas.errors import BadValue, Problem, Undecodable
from schemas.records.base import Json
from services.observability.otlp.incoming.spans import MAX_SPANS, Batch, Event, IncomingSpan, TooManySpans
from services.observability.otlp.values import MAX_DEPTH, TooDeep, clean, finite

_HEX = re.compile(r"[0-9a-fA-F]*")
_DIGITS = re.compile(r"-?[0-9]{1,20}")
_UINT64 = 2**64
_INT64 = 2**63
_FLOATS = frozenset({"NaN", "Infinity", "-Infinity"})


def read_json(body: bytes, now_ns: int) -> Batch:
    """Return the spans of a request. Raises ``Undecodable``, ``BadValue`` and ``TooManySpans``."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise Undecodable("json", f"the body is not JSON: {exc}") from exc
    batch, count = Batch(), 0
    for at, group in _items(_mapping(document, "the body"), "resourceSpans", ""):
        resource = _attributes(_mapping(group.get("resource") or {}, f"{at}.resource"), f"{at}.resource")
        for inner, spans in _items(group, "scopeSpans", f"{at}."):
            scope = _text(_mapping(spans.get("scope") or {}, f"{inner}.scope"), "name", f"{inner}.scope")
            found = _items(spans, "spans", f"{inner}.")
            count += len(found)
            if count > MAX_SPANS:
                raise TooManySpans
            for where, span in found:
                try:
                    batch.add(_span(span, where, resource, scope), now_ns)
                except TooDeep as exc:
                    batch.refuse(_text(span, "name", where), str(exc))
    return batch


def _span(span: dict[str, Any], where: str, resource: dict[str, Json], scope: str) -> IncomingSpan:
    status = _mapping(span.get("status") or {}, f"{where}.status")
    return IncomingSpan(
        trace_id=_hex(span, "traceId", where),
        span_id=_hex(span, "spanId", where),
        parent_span_id=_hex(span, "parentSpanId", where),
        name=_text(span, "name", where),
        kind=_integer(span, "kind", where),
        start_ns=_integer(span, "startTimeUnixNano", where),
        end_ns=_integer(span, "endTimeUnixNano", where),
        attributes=_attributes(span, where),
        status=_integer(status, "code", f"{where}.status"),
        status_message=_text(status, "message", f"{where}.status"),
        events=[
            Event(_text(one, "name", at), _integer(one, "timeUnixNano", at), _attributes(one, at))
            for at, one in _items(span, "events", f"{where}.")
        ],
        links=[(_hex(one, "traceId", at), _hex(one, "spanId", at)) for at, one in _items(span, "links", f"{where}.")],
        resource=resource,
        scope=scope,
    )


def _attributes(holder: dict[str, Any], where: str) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for at, pair in _items(holder, "attributes", f"{where}."):
        if key := _text(pair, "key", at):
            found[key] = _value(_mapping(pair.get("value") or {}, f"{at}.value"), f"{at}.value")
    return found


def _value(value: dict[str, Any], where: str, depth: int = 0) -> Json:
    for kind, item in value.items():
        match kind:
            case "stringValue" | "bytesValue":
                return _text(value, kind, where)
            case "boolValue":
                return _boolean(item, f"{where}.boolValue")
            case "intValue":
                return _signed(value, where)
            case "doubleValue":
                return _double(item, f"{where}.doubleValue")
            case "arrayValue" | "kvlistValue":
                return _nested(kind, _mapping(item or {}, f"{where}.{kind}"), f"{where}.{kind}", depth)
    return None


def _nested(kind: str, value: dict[str, Any], where: str, depth: int) -> Json:
    if depth >= MAX_DEPTH:
        raise TooDeep(f"a value is nested deeper than {MAX_DEPTH} levels")
    items = _items(value, "values", f"{where}.")
    if kind == "arrayValue":
        return [_value(item, at, depth + 1) for at, item in items]
    return {
        _text(pair, "key", at): _value(_mapping(pair.get("value") or {}, f"{at}.value"), f"{at}.value", depth + 1)
        for at, pair in items
    }


def _items(holder: dict[str, Any], name: str, prefix: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the objects of a list with their paths; a list that is missing or null is empty."""
    items = holder.get(name)
    if items is None:
        return []
    if not isinstance(items, list):
        raise _wrong(f"{prefix}{name}", "is not a list")
    return [(at := f"{prefix}{name}[{n}]", _mapping(item, at)) for n, item in enumerate(items)]


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(where, "is not an object")
    return value


def _text(holder: dict[str, Any], name: str, where: str) -> str:
    value = holder.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _wrong(f"{where}.{name}", "is not a text")
    return clean(value)


def _hex(holder: dict[str, Any], name: str, where: str) -> str:
    value = _text(holder, name, where)
    if _HEX.fullmatch(value) is None:
        raise _wrong(f"{where}.{name}", "is not hex", "OTLP's JSON has ids in hex, not in base64")
    return value.lower()


def _integer(holder: dict[str, Any], name: str, where: str) -> int:
    """Return an integer of at most 64 bits without a sign; 0 where there is none."""
    number = _whole(holder, name, where)
    if not 0 <= number < _UINT64:
        raise _wrong(f"{where}.{name}", "is not a number of 64 bits without a sign")
    return number


def _signed(holder: dict[str, Any], where: str) -> int:
    number = _whole(holder, "intValue", where)
    if not -_INT64 <= number < _INT64:
        raise _wrong(f"{where}.intValue", "is not a number of 64 bits")
    return number


def _whole(holder: dict[str, Any], name: str, where: str) -> int:
    value = holder.get(name)
    if value is None:
        return 0
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong(f"{where}.{name}", "is not a whole number", 'write it as a text such as "1700000000000000000"')
    return value


def _boolean(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise _wrong(where, "is neither true nor false")
    return value


def _double(value: Any, where: str) -> float | str:
    if isinstance(value, str) and value in _FLOATS:
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(where, "is not a number")
    return finite(float(value))


def _wrong(path: str, message: str, fix: str = "") -> BadValue:
    return BadValue("otlp", Problem(path, message, fix))
