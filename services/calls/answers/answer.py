"""What is recorded of a model's answer: its value, or the calls of tools that it asks for."""

import re

import msgspec

from connectors.providers.base import ModelResponse
from connectors.providers.conversation import Asked
from schemas.errors import BadValue, StepError, Undecodable
from schemas.payload import INLINE_LIMIT
from schemas.records.base import Json
from schemas.records.run_events import ToolUse
from schemas.values.bounds import MAX_DEPTH
from schemas.values.json_text import read_json, write_json

#: Models like to put JSON into a block of Markdown, whatever they are asked.
_FENCED = re.compile(r"```(?:json)?[ \t]*\n(?P<inside>.*?)\n?[ \t]*```", re.DOTALL | re.IGNORECASE)


def read_answer(text: str, *, has_schema: bool = False) -> Json:
    """Return an answer that is a JSON object or list as that value, so that ``node.output.field`` reaches into it.

    It may stand in one fenced block, with nothing around it. Every other answer is its text, as it is; with a schema
    texts, numbers and the like are JSON, too.
    """
    bare = bare_answer(text)
    if not has_schema and bare[:1] + bare[-1:] not in ("{}", "[]"):
        return text
    try:
        return read_json(bare.encode(), MAX_DEPTH)
    except (Undecodable, UnicodeEncodeError):
        return text


def bare_answer(text: str) -> str:
    """Return an answer without white space and a fenced block around it."""
    bare = text.strip()
    fenced = _FENCED.fullmatch(bare)
    return bare if fenced is None else fenced["inside"].strip()


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
