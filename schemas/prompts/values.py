"""Whether the values of a prompt are what its input schema wants."""

from collections.abc import Mapping
from typing import Any

from schemas.prompts.texts import Form, known_names
from schemas.records.base import Json
from schemas.values.json_schemas import violations


def value_violations(template: str, form: Form | None, values: Mapping[str, Json]) -> tuple[str, ...]:
    """Return where values break a prompt's input schema, as ``violations`` does. Raises ``BadSchema``.

    Values that neither the prompt's texts nor the schema name are left out: a node without ``inputs`` has all of the
    run's, and most of them are not for its prompt.
    """
    schema = None if form is None else form.input_schema
    if schema is None:
        return ()
    read = known_names(template, form) | _named_by(schema)
    return violations(schema, {name: value for name, value in values.items() if name in read})


def _named_by(schema: Mapping[str, Any]) -> frozenset[str]:
    properties, required = schema.get("properties"), schema.get("required")
    names = list(properties) if isinstance(properties, dict) else []
    if isinstance(required, list):
        names += [name for name in required if isinstance(name, str)]
    return frozenset(names)
