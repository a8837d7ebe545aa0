"""Whether a schema of a prompt is a JSON schema. Nothing outside of it is ever fetched."""

from typing import Any, NoReturn

import jsonschema_rs

from schemas.errors import Problem


def schema_problems(path: str, schema: dict[str, Any]) -> list[Problem]:
    """Return what is wrong about a JSON schema."""
    try:
        jsonschema_rs.validator_for(schema, retriever=_refuse)
    except (jsonschema_rs.ValidationError, ValueError) as exc:
        said = str(exc).splitlines()[0]
        return [Problem(path, f"is no JSON schema: {said}", "correct it; what it refers to must be in its $defs")]
    return []


def _refuse(uri: str) -> NoReturn:
    """Refuse what the library would load over HTTP or from a file: the author of a schema chooses the address."""
    raise ValueError(f"{uri} is outside of the schema")
