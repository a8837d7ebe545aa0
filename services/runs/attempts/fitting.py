"""Whether what a step gave fits the schema that its node has for it."""

from schemas.errors import StepError
from schemas.prompts.output_check import INVALID_OUTPUT
from schemas.records.base import Json
from schemas.records.steps import FunctionCall, LlmCall, ToolCall
from schemas.values.strict_schemas import misfits


def fitting(work: ToolCall | FunctionCall | LlmCall, value: Json) -> Json:
    """Return the value. Raises a final ``StepError`` that says where it does not fit: ``bad_output``, of an answer
    that another program has got of a model ``invalid_output``.

    A node may have it tried again (``retry_on: [bad_output]``).
    """
    if work.output_schema is None:
        return value
    found = misfits(work.output_schema, value)
    if found:
        said = "; ".join(f"{at}: {what}" for at, what in found)
        if isinstance(work, LlmCall):
            raise StepError(INVALID_OUTPUT, f"the answer breaks `output_schema`: {said}")
        raise StepError("bad_output", f"the output of {work.kind} '{work.name}' breaks `output_schema`: {said}")
    return value
