"""What a prompt's values must be: JSON Schema, or the guide's short form, which becomes one.

The short form maps names of variables to their types: ``{content: {type: string, required: true}}``.
"""

from typing import Any

import jsonschema_rs

from schemas.errors import Problem

#: A document with one of these at its top is a JSON schema already.
_KEYWORDS = frozenset(
    {"$schema", "$ref", "$defs", "allOf", "anyOf", "oneOf", "not", "properties", "additionalProperties"}
)


def normalised(written: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON schema of a prompt's values."""
    if isinstance(written.get("type"), str) or _KEYWORDS & written.keys():
        return written
    properties = {name: _property(said) for name, said in written.items()}
    required = sorted(name for name, said in written.items() if isinstance(said, dict) and said.get("required") is True)
    return {"type": "object", "properties": properties} | ({"required": required} if required else {})


def schema_problems(path: str, schema: dict[str, Any]) -> list[Problem]:
    """Return what is wrong about a JSON schema."""
    try:
        jsonschema_rs.validator_for(schema, retriever=_retrieve)
    except (jsonschema_rs.ValidationError, ValueError) as exc:
        said = str(exc).splitlines()[0]
        return [Problem(path, f"is no JSON schema: {said}", "correct it; see https://json-schema.org")]
    return []


def _retrieve(uri: str) -> Any:
    """Never fetch what a schema refers to: its author chooses the address."""
    raise ValueError(f"{uri} is outside of the schema; write it under $defs")


def _property(said: Any) -> Any:
    if not isinstance(said, dict) or not isinstance(said.get("required"), bool):
        return said
    return {name: value for name, value in said.items() if name != "required"}
