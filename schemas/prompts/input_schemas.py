"""The schema of a prompt's values or of its answer, in any notation, as JSON Schema.

Three notations are read: JSON Schema; Picoschema (``{title: string, note?: string}``); and the short form, which maps
names to schemas: ``{content: {type: string, required: true}}``.
"""

from collections.abc import Mapping
from typing import Any

from schemas.prompts.picoschema import TYPES, Schema, invalid, picoschema

#: What a mapping has that is a JSON schema, whatever else is in it.
_CERTAIN = frozenset({"$schema", "$ref", "$defs", "allOf", "anyOf", "oneOf", "not", "patternProperties"})
_KEYWORDS = _CERTAIN | frozenset(
    {
        *("$id", "$anchor", "$comment", "$vocabulary", "$dynamicRef", "$dynamicAnchor", "definitions"),
        *("type", "properties", "required", "additionalProperties", "propertyNames", "items", "prefixItems"),
        *("contains", "minContains", "maxContains", "uniqueItems", "minItems", "maxItems", "enum", "const"),
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength"),
        *("pattern", "format", "minProperties", "maxProperties", "dependentRequired", "dependentSchemas"),
        *("if", "then", "else", "unevaluatedItems", "unevaluatedProperties", "contentEncoding", "contentMediaType"),
        *("title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"),
    }
)
_NO_NAMES: Mapping[str, Schema] = {}


def input_schema_of(written: object, path: str = "schema", named: Mapping[str, Schema] = _NO_NAMES) -> Schema:
    """Return the JSON schema of a prompt's values, which are an object. Raises ``InvalidInput``."""
    schema = schema_of(written, path, named)
    if schema.get("type", "object") not in ("object", ["object"], ["object", "null"]):
        fix = f"write {path} as names and types: {{content: {{type: string, required: true}}}}"
        raise invalid(path, f"the values of a prompt are an object, and this describes {schema['type']!r}", fix)
    return schema


def schema_of(written: object, path: str = "schema", named: Mapping[str, Schema] = _NO_NAMES) -> Schema:
    """Return the JSON schema of a document in any notation. Raises ``InvalidInput``."""
    if isinstance(written, Mapping):
        if _is_json_schema(written):
            return _typed(dict(written), path)
        if written and all(_is_property(value) and _is_plain(name) for name, value in written.items()):
            return _short_form(written, path)
        _refuse_mixture(written, path)
    return picoschema(written, path, named)


def _is_json_schema(written: Mapping[Any, object]) -> bool:
    """Return true for what has a type or properties, and no names but keywords: ``type`` may be a variable, too."""
    if not written or written.keys() & _CERTAIN:
        return True
    if isinstance(written.get("type"), str):
        return written["type"] in TYPES and _only_keywords(written)
    properties = written.get("properties")
    return isinstance(properties, Mapping) and not _is_property(properties) and _only_keywords(written)


def _only_keywords(written: Mapping[Any, object]) -> bool:
    return all(name in _KEYWORDS or str(name).startswith("x-") for name in written)


def _is_property(value: object) -> bool:
    """Return true for a schema in the short form: with ``required: true`` it is that of a value which must be given."""
    if not isinstance(value, Mapping):
        return False
    if not value or value.keys() & _CERTAIN:
        return True
    kind = value.get("type")
    known = isinstance(kind, list) or (isinstance(kind, str) and ("required" in value or kind in TYPES))
    return (known or (kind is None and bool(value.keys() & _KEYWORDS))) and _only_keywords(value)


def _is_plain(name: object) -> bool:
    return isinstance(name, str) and "(" not in name and not name.endswith("?")


def _typed(schema: Schema, path: str) -> Schema:
    found = {"type": "object"} | schema if isinstance(schema.get("properties"), Mapping) else schema
    _check_type(found.get("type"), path)
    return found


def _short_form(written: Mapping[str, Any], path: str) -> Schema:
    properties = {name: _property(value, f"{path}.{name}") for name, value in written.items()}
    required = [name for name, value in written.items() if value.get("required") is True]
    return {"type": "object", "properties": properties} | ({"required": required} if required else {})


def _property(value: Mapping[str, Any], path: str) -> Schema:
    """Return the schema of one value: ``required`` is a list in JSON Schema, and true or false in the short form."""
    found = dict(value)
    if isinstance(found.get("required"), bool):
        del found["required"]
    elif "required" in found and not isinstance(found["required"], list):
        raise invalid(f"{path}.required", f"is {found['required']!r}", "write true or false")
    _check_type(found.get("type"), path)
    inner = found.get("properties")
    if isinstance(inner, Mapping) and all(map(_is_property, inner.values())):
        short = _short_form(inner, f"{path}.properties")
        found["properties"] = short["properties"]
        if needed := list(dict.fromkeys([*found.get("required", ()), *short.get("required", ())])):
            found["required"] = needed
    return found


def _check_type(kind: object, path: str) -> None:
    kinds = kind if isinstance(kind, list) else [] if kind is None else [kind]
    for one in kinds:
        if not isinstance(one, str) or one not in TYPES:
            fix = f"write one of {', '.join(sorted(TYPES))}"
            raise invalid(f"{path}.type", f"there is no type {one!r}", fix)


def _refuse_mixture(written: Mapping[Any, object], path: str) -> None:
    """Refuse a mapping whose fields are some in one notation, some in another: their required ones would differ."""
    own = [str(name) for name, value in written.items() if isinstance(value, Mapping) and value and _is_property(value)]
    typed = [name for name in own if _is_plain(name)]
    if typed:
        fix = f"write '{typed[0]}' as a type, too ({typed[0]}: string), or all others as mappings with a type"
        raise invalid(f"{path}.{typed[0]}", "is a schema among fields in Picoschema", fix)
