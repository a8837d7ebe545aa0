"""What is recorded of a model's turn that asks for calls of tools."""

import msgspec

from connectors.providers.base import ModelResponse
from connectors.providers.conversation import Asked
from schemas.errors import BadValue, StepError
from schemas.payload import INLINE_LIMIT
from schemas.records.base import Json
from schemas.records.run_events import ToolUse
from schemas.values.json_text import write_json


def output_of(response: ModelResponse) -> Json:
    """Return what a turn that asks for calls records; ``opaque`` is there when the provider wants it back."""
    calls = [{"id": one.id, "name": one.name, "args": one.args} for one in map(_use_of, response.asked)]
    said = {"text": response.text, "tool_calls": calls}
    return said if response.opaque is None else said | {"opaque": response.opaque}


def uses_of(response: ModelResponse) -> list[ToolUse]:
    """Return the calls that a turn asks for; one with arguments that break a rule of values is returned to the model.

    Raises a final ``StepError`` when no record takes them.
    """
    uses = [_use_of(one) for one in response.asked]
    if len(msgspec.json.encode(uses)) > INLINE_LIMIT:
        raise StepError("too_large", f"the calls that the model asks for have over {INLINE_LIMIT // 1024} KiB together")
    return uses


def _use_of(asked: Asked) -> ToolUse:
    try:
        write_json(asked.args)
    except BadValue as exc:
        return ToolUse(id=asked.id, name=asked.name, problem=f"the arguments cannot be used: {exc}")
    return ToolUse(id=asked.id, name=asked.name, args=asked.args, problem=asked.problem)
