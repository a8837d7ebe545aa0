"""An answer of OpenAI's responses. No I/O."""

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.providers.conversation import Asked, ToolSpec, asked_for, names_by_wire
from connectors.providers.results import filtered, no_text
from connectors.providers.wire import (
    CONTENT_FILTER,
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
from schemas.errors import StepError

_INCOMPLETE = {"max_output_tokens": LENGTH, "content_filter": CONTENT_FILTER}
_NOT_ENDED = ("queued", "in_progress")
_FAILED = ("failed", "cancelled")
#: What has to come back with a turn.
_OPAQUE = ("reasoning", "function_call")


def read_response(body: object, tools: Sequence[ToolSpec] = ()) -> Completion:
    """Read an answer's JSON body. Raises ``MalformedError``."""
    response = an_object(body)
    if not isinstance(response.get("output"), list):
        raise MalformedError("'output' is not a list")
    if response.get("status") in _NOT_ENDED:
        raise MalformedError(f"the response has not ended, it is {response['status']}")
    items = objects(response["output"])
    names = names_by_wire(tools)
    asked = tuple(_asked(item, names) for item in items if item.get("type") == "function_call")
    parts = [part for item in items if item.get("type") == "message" for part in objects(item.get("content"))]
    said = "".join(text_of(part.get("text")) for part in parts if part.get("type") == "output_text")
    refused = "".join(text_of(part.get("refusal")) for part in parts if part.get("type") == "refusal")
    reason, notes = _finish(response, has_calls=bool(asked), refused=bool(refused) and not said)
    reasoned = any(item.get("type") == "reasoning" for item in items)
    return Completion(
        text=said or refused,
        finish_reason=reason,
        counts=read_counts(response.get("usage")) | _searches(items),
        asked=asked,
        problem=_problem(response, reason, has_answer=bool(said or refused or asked)),
        notes=notes,
        opaque={"items": [i for i in items if i.get("type") in _OPAQUE]} if reasoned and asked else None,
        hidden=reasoned,
        served=served_by(response, {"service_tier": "service_tier"}),
    )


def _searches(items: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    """Return the searches of the service's own tools, which are billed by the call and are in no usage."""
    kinds = [item.get("type") for item in items if item.get("status") != "failed"]
    found = {"web_searches": kinds.count("web_search_call"), "storage_searches": kinds.count("file_search_call")}
    return {kind: count for kind, count in found.items() if count}


def _finish(response: Mapping[str, Any], *, has_calls: bool, refused: bool) -> tuple[str, tuple[str, ...]]:
    if refused:
        return REFUSAL, ()
    if response.get("status") == "incomplete":
        return finish(an_object(response.get("incomplete_details")).get("reason"), _INCOMPLETE)
    return (TOOL_CALLS if has_calls else STOP), ()


def _problem(response: Mapping[str, Any], reason: str, *, has_answer: bool) -> StepError | None:
    if response.get("status") in _FAILED:
        why = text_of(an_object(response.get("error")).get("message"))[:300]
        return StepError("provider_error", f"the response ended as {response['status']}: {why}", retryable=True)
    if has_answer:
        return None
    return filtered() if reason == CONTENT_FILTER else no_text(reason)


def _asked(item: Mapping[str, Any], names: Mapping[str, str]) -> Asked:
    id_, name = item.get("call_id"), item.get("name")
    if not isinstance(id_, str) or not isinstance(name, str):
        raise MalformedError("a function_call has no call_id or no name")
    return asked_for(id_, names.get(name, name), text_of(item.get("arguments")))


def read_counts(usage: object) -> dict[str, object]:
    """Return the counts of a response by kind; its input includes what was cached, its output reasoning."""
    whole = an_object(usage)
    read, made = an_object(whole.get("input_tokens_details")), an_object(whole.get("output_tokens_details"))
    return {
        "input_tokens": whole.get("input_tokens"),
        "output_tokens": whole.get("output_tokens"),
        "cache_read_tokens": read.get("cached_tokens"),
        "cache_write_tokens": read.get("cache_write_tokens"),
        "input_audio_tokens": read.get("audio_tokens"),
        "input_image_tokens": read.get("image_tokens"),
        "reasoning_tokens": made.get("reasoning_tokens"),
        "output_audio_tokens": made.get("audio_tokens"),
    }
