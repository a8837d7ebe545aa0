"""Arguments of our tools, checked by what their own schemas say: names, types, bounds of numbers, choices.

The inputs of a workflow are checked by the API, which knows the workflow.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from schemas.mcp.tools import Tool

Json = Any
_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "object": (dict,),
    "boolean": (bool,),
}


def misfits(tool: Tool, given: Mapping[str, Json]) -> list[str]:
    """Return one sentence for each argument that a tool does not take, or misses."""
    return list(_misfits(tool, given))


def _misfits(tool: Tool, given: Mapping[str, Json]) -> Iterator[str]:
    takes = ", ".join(tool.properties) or "nothing"
    for name in tool.required:
        if name not in given:
            yield f"{name} is missing"
    for name, value in given.items():
        schema = tool.properties.get(name)
        if schema is None:
            yield f"there is no argument {name[:100]!r}; it takes {takes}"
        elif fault := _fault(schema, value):
            yield f"{name} {fault}"


def _fault(schema: Mapping[str, Json], value: Json) -> str | None:
    kind = schema["type"]
    if not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
        return f"is no {kind}"
    if isinstance(value, str):
        return _text_fault(schema, value)
    if isinstance(value, float) and not math.isfinite(value):
        return "is no finite number"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _number_fault(schema, value)
    return None


def _text_fault(schema: Mapping[str, Json], value: str) -> str | None:
    if not schema.get("minLength", 1) <= len(value) <= schema.get("maxLength", 500):
        return (
            f"has {len(value)} characters; it may have {schema.get('minLength', 1)} to {schema.get('maxLength', 500)}"
        )
    if value not in schema.get("enum", (value,)):
        return f"is none of {', '.join(schema['enum'])}"
    return None


def _number_fault(schema: Mapping[str, Json], value: float) -> str | None:
    if value < schema.get("minimum", value):
        return f"is less than {schema['minimum']}"
    if value > schema.get("maximum", value):
        return f"is more than {schema['maximum']}"
    return None
