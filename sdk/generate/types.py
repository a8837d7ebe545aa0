"""Answers as pydantic models and bodies of requests as typed dicts, both from the OpenAPI document of the API."""

import keyword
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel

Schema = Mapping[str, Any]

MODELS_HEAD = '''"""Answers of the API. Generated from its OpenAPI document by `python -m sdk.generate`; do not edit."""

from decimal import Decimal
from typing import Any

from pydantic import Field

from agentflow.answer import Answer
'''
BODIES_HEAD = '''"""Bodies of requests. Generated from the OpenAPI document by `python -m sdk.generate`; do not edit."""

from decimal import Decimal
from typing import Any, Literal, NotRequired, TypedDict
'''
_ERROR = {"ProblemDetails"}
_PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
_MONEY = ("_usd", "_cents")


def models(document: Schema) -> str:
    """Return the source of ``agentflow.models``."""
    schemas = document["components"]["schemas"]
    names = _reached(schemas, _roots(document, "responses")) - _ERROR
    return "\n\n".join([MODELS_HEAD, *(_model(name, schemas[name]) for name in _ordered(schemas, names))])


def bodies(document: Schema) -> str:
    """Return the source of ``agentflow.bodies``."""
    schemas = document["components"]["schemas"]
    names = _reached(schemas, _roots(document, "requestBody"))
    return "\n\n".join([BODIES_HEAD, *(_body(name, schemas[name]) for name in _ordered(schemas, names))])


def _roots(document: Schema, part: str) -> set[str]:
    found = (operation.get(part) for path in document["paths"].values() for operation in path.values())
    return {name for one in found for name in _references(one)}


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"].rsplit("/", 1)[1]
        for key, value in node.items():
            if key not in {"example", "examples"}:
                yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _reached(schemas: Schema, names: set[str]) -> set[str]:
    found: set[str] = set()
    while names:
        found |= names
        names = {other for name in names for other in _references(schemas[name])} - found
    return found


def _ordered(schemas: Schema, names: set[str]) -> list[str]:
    """Return names so that each comes after what it refers to."""
    ordered: list[str] = []

    def visit(name: str) -> None:
        if name in names and name not in ordered:
            for other in sorted(set(_references(schemas[name])) - {name}):
                visit(other)
            ordered.append(name)

    for name in sorted(names):
        visit(name)
    return ordered


def _doc(schema: Schema) -> str:
    first = " ".join(str(schema.get("description", "")).split("\n\n")[0].split())
    return first if len(first) < 110 else first.split(". ")[0].rstrip(".") + "."


def _model(name: str, schema: Schema) -> str:
    required = set(schema.get("required", ()))
    lines = [f"class {name}(Answer):", f'    """{_doc(schema) or name}"""', ""]
    for field, one in schema.get("properties", {}).items():
        lines.append("    " + _field(field, one, field in required))
    return "\n".join(lines) + "\n"


def _field(field: str, schema: Schema, required: bool) -> str:
    kind = _type(schema, field)
    own = field if not keyword.iskeyword(field) and not hasattr(BaseModel, field) else f"{field}_"
    default = None if required else repr(schema.get("default"))
    if not required and schema.get("default") is None and "None" not in kind and kind != "Any":
        kind += " | None"
    if default is not None and default not in {"None", "True", "False"} and not own.endswith("_"):
        default = _default(schema, kind)
    if own != field:
        inner = "" if default is None else f"default={default}, "
        return f'{own}: {kind} = Field({inner}alias="{field}")'
    return f"{own}: {kind}" + ("" if default is None else f" = {default}")


def _default(schema: Schema, kind: str) -> str:
    default = schema["default"]
    if "$ref" in schema:
        return f"Field(default_factory=lambda: {kind}.model_validate({default!r}))"
    return f'Decimal("{default}")' if kind.startswith("Decimal") else repr(default)


def _type(schema: Schema, field: str = "", literals: bool = False) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[1]
    if "anyOf" in schema:
        return _union(_type(one, field, literals) for one in schema["anyOf"])
    if "const" in schema:
        return f"Literal[{schema['const']!r}]" if literals else type(schema["const"]).__name__
    if "enum" in schema and literals:
        return f"Literal[{', '.join(map(repr, schema['enum']))}]"
    kind = schema.get("type")
    if kind == "array":
        return f"list[{_type(schema.get('items', {}), '', literals)}]"
    if kind == "object":
        return f"dict[str, {_values(schema, literals)}]"
    if kind == "string" and field.endswith(_MONEY):
        return "Decimal"
    return _PLAIN.get(str(kind), "Any")


def _union(kinds: Iterable[str]) -> str:
    return " | ".join(sorted(dict.fromkeys(kinds), key=lambda kind: kind == "None"))


def _values(schema: Schema, literals: bool) -> str:
    patterns = list(schema.get("patternProperties", {}).values())
    of = patterns[0] if patterns else schema.get("additionalProperties")
    return _type(of, "", literals) if isinstance(of, dict) else "Any"


def _body(name: str, schema: Schema) -> str:
    required = set(schema.get("required", ()))
    fields = {field: _asked(field, one, field in required) for field, one in schema.get("properties", {}).items()}
    doc = _doc(schema) or name
    if any(keyword.iskeyword(field) for field in fields):
        inner = ", ".join(f'"{field}": "{kind}"' for field, kind in fields.items())
        return f'{name} = TypedDict("{name}", {{{inner}}})\n"""{doc}"""\n'
    return (
        "\n".join(
            [f"class {name}(TypedDict):", f'    """{doc}"""', "", *(f"    {f}: {kind}" for f, kind in fields.items())]
        )
        + "\n"
    )


def _asked(field: str, schema: Schema, required: bool) -> str:
    kind = _type(schema, field, literals=True)
    if "float" in kind and field.endswith(_MONEY):
        kind = _union([*kind.split(" | "), "int", "str"])
    return kind if required else f"NotRequired[{kind}]"
