"""An answer of Anthropic's messages. No I/O."""

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.providers.conversation import Asked, ToolSpec, names_by_wire
from connectors.providers.results import filtered, no_text
from connectors.providers.usage import added
from connectors.providers.wire import (
    LENGTH,
    REFUSAL,
    STOP,
    TOOL_CALLS,
    Completion,
    MalformedError,
    an_object,
    finish,
    objects,
    served_by,
    text_of,
)

_FINISH = {
    "end_turn": STOP,
    "stop_sequence": STOP,
    "pause_turn": STOP,
    "max_tokens": LENGTH,
    "model_context_window_exceeded": LENGTH,
    "tool_use": TOOL_CALLS,
    "refusal": REFUSAL,
}
#: A message of a batch says so as a tier; ``priority`` is a commitment at a price of its own that no list has.
_BATCH = ("processing", "batch")
_THINKING = ("thinking", "redacted_thinking")


def read_message(body: object, tools: Sequence[ToolSpec] = ()) -> Completion:
    """Read an answer's JSON body. Raises ``MalformedError``."""
    message = an_object(body)
    if not isinstance(message.get("content"), list):
        raise MalformedError("'content' is not a list")
    blocks = objects(message["content"])
    reason, notes = finish(message.get("stop_reason"), _FINISH)
    names = names_by_wire(tools)
    asked = tuple(_asked(block, names) for block in blocks if block.get("type") == "tool_use")
    text = "".join(text_of(block.get("text")) for block in blocks if block.get("type") == "text")
    thinking = [block for block in blocks if block.get("type") in _THINKING]
    problem = None
    if not text and not asked:
        problem = filtered("refusal") if reason == REFUSAL else no_text(reason)
    return Completion(
        text=text,
        finish_reason=reason,
        counts=read_counts(message.get("usage")),
        asked=asked,
        problem=problem,
        notes=notes,
        opaque={"thinking": thinking} if thinking and asked else None,
        hidden=bool(thinking),
        served=_served(an_object(message.get("usage"))),
    )


def _served(usage: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    batch = (_BATCH,) if usage.get("service_tier") == "batch" else ()
    return batch + served_by(usage, {"speed": "speed", "inference_geo": "inference_geo"})


def _asked(block: Mapping[str, Any], names: Mapping[str, str]) -> Asked:
    id_, name, args = block.get("id"), block.get("name"), block.get("input")
    if not isinstance(id_, str) or not isinstance(name, str):
        raise MalformedError("a tool_use block has no id or no name")
    if not isinstance(args, dict):
        return Asked(id_, names.get(name, name), problem=f"the arguments are not a JSON object: {args!r}"[:250])
    return Asked(id_, names.get(name, name), args)


def read_counts(usage: object) -> dict[str, object]:
    """Return the counts of a message by kind; ``input_tokens`` of this wire excludes what was cached.

    Steps of the service's own (``iterations`` that are no messages, such as a compaction) are not in its totals.
    """
    whole = an_object(usage)
    apart = [one for one in objects(whole.get("iterations")) if one.get("type") != "message"]
    read, written, kept = (_sum(whole, apart, *path) for path in _CACHE)
    fresh = _sum(whole, apart, "input_tokens")
    return {
        "input_tokens": added(fresh, read, written) if fresh is not None else None,
        "output_tokens": _sum(whole, apart, "output_tokens"),
        "cache_read_tokens": read,
        "cache_write_tokens": written,
        # A total over its parts is priced as written for minutes: the parts may be of an earlier message.
        "cache_write_1h_tokens": kept,
        "reasoning_tokens": an_object(whole.get("output_tokens_details")).get("thinking_tokens"),
        "web_searches": an_object(whole.get("server_tool_use")).get("web_search_requests"),
    }


_CACHE: tuple[tuple[str, ...], ...] = (
    ("cache_read_input_tokens",),
    ("cache_creation_input_tokens",),
    ("cache_creation", "ephemeral_1h_input_tokens"),
)


def _sum(whole: Mapping[str, Any], apart: Sequence[Mapping[str, Any]], *path: str) -> object:
    """Return a count at a path with those of the steps apart; as it is when there are none."""
    return added(*(_at(one, path) for one in (whole, *apart))) if apart else _at(whole, path)


def _at(value: Mapping[str, Any], path: Sequence[str]) -> object:
    found: object = value
    for name in path:
        found = an_object(found).get(name)
    return found
