"""Picoschema, the compact notation of schemas in dotprompt files, as JSON Schema.

``{title: "string, of the book", tags(array): string, note?: any}``: every field is required unless its name ends in
``?``, and no others are allowed unless ``(*)`` says of which type they are.
"""

from collections.abc import Mapping
from typing import Any

from schemas.errors import InvalidInput, Problem

Schema = dict[str, Any]

SCALARS = frozenset({"string", "boolean", "null", "number", "integer", "any"})
#: The types of a schema's value, as JSON Schema names them.
TYPES = (SCALARS - {"any"}) | {"object", "array"}
_WILDCARD = "(*)"
#: Deeper than any document of prompts; a schema is walked by recursion.
MAX_DEPTH = 32
_NO_NAMES: Mapping[str, Schema] = {}


def picoschema(written: object, path: str = "schema", named: Mapping[str, Schema] = _NO_NAMES) -> Schema:
    """Return the JSON schema of a text or a mapping in Picoschema. ``named`` has the schemas that it may name.

    Raises ``InvalidInput`` with the place of the problem, below ``path``.
    """
    return _Reader(named).schema(written, path, 0)


def invalid(path: str, message: str, fix: str) -> InvalidInput:
    """Return the error of a schema."""
    problem = Problem(path, message, fix)
    return InvalidInput.of(problem)


class _Reader:
    def __init__(self, named: Mapping[str, Schema]) -> None:
        self._named = named

    def schema(self, written: object, path: str, depth: int) -> Schema:
        if depth > MAX_DEPTH:
            raise invalid(path, f"is nested more than {MAX_DEPTH} times", "make it flatter")
        if isinstance(written, str):
            return self._scalar(written, path)
        if isinstance(written, Mapping):
            return self._object(written, path, depth)
        raise invalid(path, "is no schema", "write a type such as string, or a mapping of names to types")

    def _scalar(self, written: str, path: str) -> Schema:
        kind, description = _described(written)
        if kind in self._named:
            found = dict(self._named[kind])
        elif kind in SCALARS:
            found = {} if kind == "any" else {"type": kind}
        else:
            raise invalid(path, f"there is no type '{kind[:80]}'", f"write one of {', '.join(sorted(SCALARS))}")
        return found | ({"description": description} if description else {})

    def _object(self, written: Mapping[Any, object], path: str, depth: int) -> Schema:
        properties: dict[str, Schema] = {}
        required: list[str] = []
        others: bool | Schema = False
        for key, value in written.items():
            if key == _WILDCARD:
                others = self.schema(value, f"{path}.{key}", depth + 1)
                continue
            name, optional, kind, description = _field(key, path)
            if name in properties:
                raise invalid(f"{path}.{name}", "is given twice", "keep one of the two")
            found = self._typed(kind, value, f"{path}.{name}", depth + 1)
            properties[name] = (_or_null(found) if optional else found) | (
                {"description": description} if description else {}
            )
            if not optional:
                required.append(name)
        schema: Schema = {"type": "object", "properties": properties, "additionalProperties": others}
        return schema | ({"required": required} if required else {})

    def _typed(self, kind: str, value: object, path: str, depth: int) -> Schema:
        match kind:
            case "":
                return self.schema(value, path, depth)
            case "object":
                if not isinstance(value, Mapping):
                    raise invalid(path, "is an object without fields", "write its fields as a mapping below it")
                return self.schema(value, path, depth)
            case "array":
                return {"type": "array", "items": self.schema(value, path, depth)}
            case "enum":
                if not isinstance(value, list) or not value:
                    raise invalid(path, "is an enum without choices", "write them as a list: [red, green]")
                return {"enum": list(value)}
        raise invalid(path, f"there is no type '({kind[:80]})'", "write (object), (array) or (enum)")


def _described(text: str) -> tuple[str, str]:
    kind, _, description = text.partition(",")
    return kind.strip(), description.strip()


def _field(key: object, path: str) -> tuple[str, bool, str, str]:
    """Return the name of a field, true if it is optional, its type in parentheses, and the description there."""
    if not isinstance(key, str):
        raise invalid(path, f"the name of a field is {key!r}", "write a text, in quotes if it looks like a number")
    name, parenthesis, rest = key.partition("(")
    if parenthesis and not rest.endswith(")"):
        raise invalid(f"{path}.{key[:80]}", "has a parenthesis that is not closed", "write name(array, description)")
    kind, description = _described(rest[:-1])
    bare = name.strip().removesuffix("?")
    if not bare or (parenthesis and not kind):
        raise invalid(f"{path}.{key[:80]}", "names no field or no type", "write name, name? or name(array)")
    return bare, name.strip().endswith("?"), kind, description


def _or_null(schema: Schema) -> Schema:
    """Return a schema that takes null as well."""
    found = dict(schema)
    if isinstance(found.get("type"), str):
        found["type"] = [found["type"], "null"]
    if isinstance(found.get("enum"), list) and None not in found["enum"]:
        found["enum"] = [*found["enum"], None]
    return found
