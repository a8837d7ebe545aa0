"""Whether a JSON Schema leaves no room for free text, so that an answer that follows it cannot carry orders."""

from collections.abc import Mapping
from typing import Any

from schemas.records.base import Json

_CLOSED_TYPES = frozenset({"boolean", "integer", "number", "null"})
#: The formats of texts with a form so narrow that nobody can write a sentence in it. Checkers assert them.
_CLOSED_FORMATS = frozenset({"date", "time", "date-time", "uuid", "ipv4", "ipv6"})
#: What adds to a value what the rest of the schema does not describe, or what is not followed here.
_OPEN = ("patternProperties", "unevaluatedProperties", "propertyNames", "$dynamicRef", "if", "not", "contains")
_MAX_DEPTH = 16


def is_closed(schema: Json) -> bool:
    """Return whether every value that the schema takes is made of enums, numbers, truth values, dates and nothing else.

    ``$ref`` to the schema's own ``$defs`` is followed. What is not understood is open.
    """
    return _closed(schema, schema, 0)


def _closed(schema: Json, root: Json, depth: int) -> bool:
    if depth > _MAX_DEPTH or not isinstance(schema, Mapping):
        # ``false`` takes nothing, ``true`` takes anything.
        return schema is False
    if any(name in schema for name in _OPEN):
        return False
    if "const" in schema or "enum" in schema:
        return True
    if "$ref" in schema:
        target = _target(str(schema["$ref"]), root)
        return target is not None and _closed(target, root, depth + 1)
    for name in ("anyOf", "oneOf"):
        if name in schema:
            choices = schema[name]
            return bool(choices) and all(_closed(one, root, depth + 1) for one in choices)
    if "allOf" in schema and any(_closed(one, root, depth + 1) for one in schema["allOf"]):
        return True
    kinds = schema.get("type") or []
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return bool(kinds) and all(_closed_type(kind, schema, root, depth) for kind in kinds)


def _closed_type(kind: Any, schema: Mapping[str, Json], root: Json, depth: int) -> bool:
    if kind == "string":
        return schema.get("format") in _CLOSED_FORMATS
    if kind == "array":
        first = schema.get("prefixItems", [])
        ends = schema.get("maxItems") == len(first)
        rest = _closed(schema["items"], root, depth + 1) if "items" in schema else ends
        return rest and all(_closed(one, root, depth + 1) for one in first)
    if kind == "object":
        inner = schema.get("properties", {})
        return schema.get("additionalProperties") is False and all(
            _closed(one, root, depth + 1) for one in inner.values()
        )
    return kind in _CLOSED_TYPES


def _target(ref: str, root: Json) -> Json:
    if not ref.startswith("#/"):
        return None
    found = root
    for part in ref[2:].split("/"):
        if not isinstance(found, Mapping) or part not in found:
            return None
        found = found[part]
    return found
