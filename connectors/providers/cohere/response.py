"""An answer of Cohere's chat, version 2. No I/O."""

import math
from collections.abc import Sequence

from connectors.providers.compatible.chat import read_calls
from connectors.providers.conversation import ToolSpec, names_by_wire
from connectors.providers.results import no_text
from connectors.providers.wire import (
    LENGTH,
    STOP,
    TOOL_CALLS,
    Completion,
    MalformedError,
    an_object,
    finish,
    objects,
    text_of,
)
from schemas.errors import StepError

_FINISH = {
    "COMPLETE": STOP,
    "STOP_SEQUENCE": STOP,
    "MAX_TOKENS": LENGTH,
    "TOOL_CALL": TOOL_CALLS,
    "ERROR": STOP,
    "TIMEOUT": STOP,
}
_FAILED = ("ERROR", "TIMEOUT")


def read_chat(body: object, tools: Sequence[ToolSpec] = ()) -> Completion:
    """Read an answer's JSON body. Raises ``MalformedError``."""
    answer = an_object(body)
    message = answer.get("message")
    if not isinstance(message, dict):
        raise MalformedError("'message' is not an object")
    said = answer.get("finish_reason")
    reason, notes = finish(said, _FINISH)
    asked = read_calls(message, names_by_wire(tools)) if tools else ()
    content = objects(message.get("content"))
    text = "".join(text_of(part.get("text")) for part in content if part.get("type") == "text")
    if asked and not text:
        text = text_of(message.get("tool_plan"))
    return Completion(
        text=text,
        finish_reason=reason,
        counts=read_counts(answer.get("usage")),
        asked=asked,
        problem=_problem(said, reason, has_answer=bool(text or asked)),
        notes=notes,
        hidden=any(part.get("type") == "thinking" for part in content),
    )


def _problem(said: object, reason: str, *, has_answer: bool) -> StepError | None:
    if said in _FAILED:
        return StepError("provider_error", f"cohere: the answer ended with {said}; ask again", retryable=True)
    return None if has_answer else no_text(reason)


def read_counts(usage: object) -> dict[str, object]:
    """Return the counts of an answer by kind: what is billed, where it is said, else what was counted.

    The service counts a preamble of its own, which it does not bill.
    """
    whole = an_object(usage)
    billed, counted = an_object(whole.get("billed_units")), an_object(whole.get("tokens"))
    read = billed.get("input_tokens", counted.get("input_tokens"))
    return {
        "input_tokens": _up(read),
        "output_tokens": _up(billed.get("output_tokens", counted.get("output_tokens"))),
        # What is cached is counted with the preamble, so it is no part of what is billed.
        "cache_read_tokens": None if billed else whole.get("cached_tokens"),
        "billed_units": _up(billed.get("search_units")),
    }


def _up(value: object) -> object:
    """Return billed units, which may be fractions, as the next whole number."""
    return math.ceil(value) if isinstance(value, float) and math.isfinite(value) else value
