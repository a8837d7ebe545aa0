"""Schemas that leave no room for free text, compared with values that follow them."""

from typing import Any

import pytest

from schemas.policies.closed_schemas import is_closed

_KIND = {"enum": ["invoice", "letter"]}


def obj(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


@pytest.mark.parametrize(
    "schema",
    [
        _KIND,
        {"const": "x"},
        {"type": "integer"},
        {"type": ["number", "null"]},
        {"type": "string", "format": "date"},
        {"type": "string", "enum": ["a"]},
        obj(),
        obj(kind=_KIND, sum={"type": "number"}, paid={"type": "boolean"}, on={"type": "string", "format": "date"}),
        {"type": "array", "items": _KIND},
        {"type": "array", "prefixItems": [_KIND, {"type": "null"}], "items": False},
        {"type": "array", "prefixItems": [_KIND], "maxItems": 1},
        {"anyOf": [_KIND, {"type": "null"}]},
        {"allOf": [{"type": "object"}, obj(kind=_KIND)]},
        {"$ref": "#/$defs/kind", "$defs": {"kind": _KIND}},
    ],
)
def test_closed(schema: Any) -> None:
    assert is_closed(schema)


@pytest.mark.parametrize(
    "schema",
    [
        True,
        {},
        {"type": "string"},
        {"type": "string", "maxLength": 20},
        {"type": "string", "pattern": "^[a-z]+$"},
        {"type": "string", "format": "uri"},
        {"type": ["integer", "string"]},
        {"type": "object"},
        {"type": "object", "properties": {"kind": _KIND}},
        obj(note={"type": "string"}),
        obj(kind=_KIND) | {"patternProperties": {".*": _KIND}},
        {"properties": {"kind": _KIND}, "additionalProperties": False},
        {"type": "array"},
        {"type": "array", "items": True},
        {"type": "array", "items": {"type": "string"}},
        {"type": "array", "prefixItems": [_KIND]},
        {"type": "array", "prefixItems": [{"type": "string"}], "items": False},
        {"anyOf": [_KIND, {"type": "string"}]},
        {"anyOf": []},
        {"allOf": [{"type": "object"}, {"type": "object"}]},
        {"$ref": "#/$defs/other", "$defs": {}},
        {"$ref": "https://a.example/schema"},
        {"$ref": "#/$defs/loop", "$defs": {"loop": {"$ref": "#/$defs/loop"}}},
        {"not": _KIND, "type": "null"},
        {"type": "null", "if": {}, "then": {}},
    ],
)
def test_open(schema: Any) -> None:
    assert not is_closed(schema)
