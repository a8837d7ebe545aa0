"""Attribute values: JSON here, ``AnyValue`` there.

OTLP has no null, and integers of 64 bits; what does not fit travels as text. Mappings travel as JSON text, because most
readers show nothing of nested values.
"""

import base64
import math
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from schemas.records.base import Json

#: Values nested deeper are refused: no reader shows them, and a record must be writable again.
MAX_DEPTH = 16
_INT64 = 2**63


class TooDeep(ValueError):
    """A value is nested deeper than ``MAX_DEPTH``."""


def read_value(value: AnyValue, depth: int = 0) -> Json:
    """Return a value as JSON; bytes as base64, numbers that JSON lacks as text. Raises ``TooDeep``."""
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return clean(value.string_value)
    if kind == "int_value":
        return value.int_value
    if kind == "double_value":
        return finite(value.double_value)
    if kind == "bool_value":
        return value.bool_value
    if kind is None:
        return None
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    if depth >= MAX_DEPTH:
        raise TooDeep(f"a value is nested deeper than {MAX_DEPTH} levels")
    if kind == "array_value":
        return [read_value(item, depth + 1) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {clean(pair.key): read_value(pair.value, depth + 1) for pair in value.kvlist_value.values}
    return None  # an index into a table that only profiles have


def clean(text: str) -> str:
    """Return a text without U+0000, which no text of ours may have."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}") if "\0" in text else text


def finite(number: float) -> float | str:
    """Return a number; what JSON has no number for as the text that OTLP has for it."""
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def write_attributes(into: Any, attributes: Mapping[str, Json]) -> None:
    """Add attributes to a repeated field of ``KeyValue``, by their names; those that are null are left out."""
    for name in sorted(attributes):
        value = attributes[name]
        if value is not None:
            into.append(KeyValue(key=name, value=written(value)))


def written(value: Json) -> AnyValue:
    """Return a JSON value that is not null."""
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value) if -_INT64 <= value < _INT64 else AnyValue(string_value=str(value))
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return _texts(value)
    return AnyValue(string_value=orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode())


def _texts(items: Iterable[str]) -> AnyValue:
    found = AnyValue()
    # An empty list is still a list: without this the field would not be set.
    found.array_value.SetInParent()
    found.array_value.values.extend(AnyValue(string_value=item) for item in items)
    return found
