"""Checks the inputs of a run against the schema that its workflow has for them."""

from collections.abc import Collection, Mapping

from schemas.errors import InvalidInput, Problem
from schemas.records.base import Json
from schemas.spec.model import WorkflowSpec
from schemas.values.strict_schemas import misfits


def check_input_schema(spec: WorkflowSpec, inputs: Mapping[str, Json], elsewhere: Collection[str] = ()) -> None:
    """Raise ``InvalidInput`` for inputs that break the workflow's ``input_schema``, with the path of each.

    ``elsewhere`` are inputs that are there and stored outside of the record: the schema may demand them.
    """
    schema = spec.input_schema
    if schema is None:
        return
    if elsewhere and isinstance(schema.get("required"), list):
        schema = schema | {"required": [name for name in schema["required"] if name not in elsewhere]}
    what = f"see `input_schema` of {spec.name} version {spec.version}"
    found = [Problem(f"inputs{at[1:]}", said, what) for at, said in misfits(schema, dict(inputs))]
    if found:
        raise InvalidInput.of(*found)
