"""Whether what a tool or function gave fits the schema that its node has for it."""

from schemas.errors import StepError
from schemas.records.base import Json
from schemas.records.steps import FunctionCall, ToolCall
from schemas.values.strict_schemas import misfits


def fitting(work: ToolCall | FunctionCall, value: Json) -> Json:
    """Return the value. Raises a final ``StepError`` ``bad_output`` that says where it does not fit.

    A node may have it tried again (``retry_on: [bad_output]``).
    """
    if work.output_schema is None:
        return value
    found = misfits(work.output_schema, value)
    if found:
        said = "; ".join(f"{at}: {what}" for at, what in found)
        raise StepError("bad_output", f"the output of {work.kind} '{work.name}' breaks `output_schema`: {said}")
    return value
