"""Whether an answer follows the schema that its call gave: read strictly, or leniently where that is wanted."""

from typing import NamedTuple

import orjson

from schemas.errors import BadValue, StepError, Undecodable
from schemas.prompts.answers import bare_answer
from schemas.records.base import Json
from schemas.values.bounds import MAX_DEPTH
from schemas.values.json_schemas import BadSchema, check_schema, violations
from schemas.values.json_text import read_json, write_json

INVALID_OUTPUT = "invalid_output"
#: An answer that was read leniently: its text is what was read.
REPAIRED = "output:repaired"
#: The answer to a call that was made since the answer before it broke the schema.
ASKED_AGAIN = "output:asked_again"
#: A schema that no checker can use, of a workflow that was registered before schemas were checked.
NOT_CHECKED = "output:not_checked"
#: A longer text is not read leniently, which takes time.
_MOST_LENIENT = 256 * 1024


class InvalidOutput(StepError):
    """An answer that breaks its schema: final, unless its node wants it retried. ``text`` is the answer.

    ``cut_off``: it ended at ``max_tokens``, so that another one would end there, too.
    """

    def __init__(self, text: str, found: str, *, cut_off: bool = False) -> None:
        fix = "raise max_tokens, or ask for less" if cut_off else "say in the prompt what to answer, or set `repair`"
        end = " (it was cut off at max_tokens)" if cut_off else ""
        said = f"the answer does not follow its output schema{end}: {found}; {fix}"
        super().__init__(INVALID_OUTPUT, said, details={"violations": found})
        self.text = text
        self.found = found
        self.cut_off = cut_off


class Checked(NamedTuple):
    """An answer that was checked: its text, a note on how it was read, or why it cannot be used."""

    text: str
    note: str = ""
    problem: InvalidOutput | None = None


def checked(text: str, schema: dict[str, Json], *, lenient: bool, cut_off: bool = False) -> Checked:
    """Return an answer's text as it can be used, or its problem.

    Strict JSON may stand in one fenced block. A lenient reading closes what is open and removes what is around the
    value; of an answer that was cut off it would invent an end, so that one is never read so.
    """
    try:
        check_schema(schema)
        found = _problem(text, schema)
        if found is None:
            return Checked(text)
        if lenient and not cut_off and (value := _lenient(text)) is not None and not violations(schema, value):
            return Checked(write_json(value).decode(), REPAIRED)
    except BadSchema:
        return Checked(text, NOT_CHECKED)
    return Checked(text, problem=InvalidOutput(text, found, cut_off=cut_off))


def correction(found: str) -> str:
    """Return what a model is asked after an answer that breaks its schema. ``found`` is what is wrong about it."""
    return (
        f"That answer does not follow the JSON schema: {found}. "
        "Give the whole answer again, as JSON that follows the schema, with nothing before or after it."
    )


def correction_in_turn(prompt: str, text: str, found: str) -> str:
    """Return the prompt of an agent's turn with its answer so far: turns follow it, so no message can."""
    return f"{prompt}\n\nYou answered before: {text}\n\n{correction(found)}"


def _problem(text: str, schema: dict[str, Json]) -> str | None:
    try:
        value = read_json(bare_answer(text).encode(), MAX_DEPTH)
    except (Undecodable, UnicodeEncodeError) as exc:
        return f"$: it is not JSON: {exc}"
    return "; ".join(violations(schema, value)) or None


def _lenient(text: str) -> Json:
    """Return the object or list that a text means, read as JSON as far as possible; ``None`` if it means none."""
    if len(text) > _MOST_LENIENT:
        return None
    # Few processes ever meet such an answer; none waits for the library at its start.
    import json_repair

    try:
        value = json_repair.loads(text, skip_json_loads=True)
        return read_json(orjson.dumps(value), MAX_DEPTH) if isinstance(value, dict | list) and value else None
    except (ValueError, TypeError, RecursionError, Undecodable, BadValue):
        return None
