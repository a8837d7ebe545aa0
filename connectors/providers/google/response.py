"""An answer of Gemini's ``generateContent``. No I/O."""

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.providers.conversation import Asked, ToolSpec, names_by_wire
from connectors.providers.results import filtered, no_text
from connectors.providers.usage import added, whole_number
from connectors.providers.wire import (
    CONTENT_FILTER,
    LENGTH,
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

_FILTERS = (
    *("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE", "MODEL_ARMOR"),
    *("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"),
)
_BROKEN = (
    *("OTHER", "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "NO_IMAGE", "IMAGE_OTHER"),
    *("MISSING_THOUGHT_SIGNATURE", "MALFORMED_RESPONSE", "FINISH_REASON_UNSPECIFIED"),
)
_FINISH = {
    "STOP": STOP,
    "MAX_TOKENS": LENGTH,
    **dict.fromkeys(_FILTERS, CONTENT_FILTER),
    **dict.fromkeys(_BROKEN, STOP),
}
#: Our names of media by the wire's; documents are read as images of their pages.
_MEDIA = {"AUDIO": "audio", "IMAGE": "image", "DOCUMENT": "image", "VIDEO": "video"}
TOTAL_DIFFERS = "total_tokens:differs"


def read_content(body: object, tools: Sequence[ToolSpec] = ()) -> Completion:
    """Read an answer's JSON body. Raises ``MalformedError``."""
    answer = an_object(body)
    candidates, blocked = objects(answer.get("candidates")), an_object(answer.get("promptFeedback")).get("blockReason")
    counts, notes = read_counts(answer.get("usageMetadata"))
    if not candidates:
        if not blocked and counts["output_tokens"] is None:
            raise MalformedError("'candidates' is not a list with an object in it")
        if not blocked:
            return Completion("", STOP, counts, problem=no_text(STOP), notes=notes)
        output = counts["output_tokens"]
        counts["output_tokens"] = 0 if output is None else output
        return Completion("", CONTENT_FILTER, counts, problem=filtered(text_of(blocked)), notes=notes)
    said = candidates[0].get("finishReason")
    reason, unknown = finish(said, _FINISH)
    parts = objects(an_object(candidates[0].get("content")).get("parts"))
    asked, signatures = _calls(parts, names_by_wire(tools))
    text = "".join(text_of(part.get("text")) for part in parts if not part.get("thought"))
    return Completion(
        text=text,
        finish_reason=TOOL_CALLS if asked and reason == STOP else reason,
        counts=counts,
        asked=asked,
        problem=None if text or asked else _problem(reason, text_of(said)),
        notes=(*notes, *unknown),
        opaque={"signatures": signatures} if signatures else None,
        served=_served(an_object(answer.get("usageMetadata"))),
        hidden=any(part.get("thought") for part in parts) or bool(signatures),
    )


def _served(usage: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return how a call was served; Vertex has a name of its own for the tier, such as ``ON_DEMAND_FLEX``."""
    tier = usage.get("serviceTier") or text_of(usage.get("trafficType")).removeprefix("ON_DEMAND").lstrip("_")
    return served_by({"tier": tier}, {"tier": "service_tier"})


def _problem(reason: str, said: str) -> StepError:
    if reason == CONTENT_FILTER:
        return filtered(said)
    return no_text(said if said in _BROKEN else reason)


def _calls(parts: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> tuple[tuple[Asked, ...], dict[str, str]]:
    """Return the calls, which mostly have no id, so that they are numbered; and the signatures by call."""
    asked: list[Asked] = []
    signatures: dict[str, str] = {}
    for part in parts:
        if "functionCall" not in part:
            continue
        call = an_object(part["functionCall"])
        name, args = call.get("name"), call.get("args")
        if not isinstance(name, str):
            raise MalformedError("a functionCall has no name")
        id_ = text_of(call.get("id")) or f"call_{len(asked) + 1}"
        args = {} if args is None else args
        problem = "" if isinstance(args, dict) else f"the arguments are not a JSON object: {args!r}"[:250]
        asked.append(Asked(id_, names.get(name, name), args if isinstance(args, dict) else {}, problem))
        if signature := text_of(part.get("thoughtSignature")):
            signatures[id_] = signature
    return tuple(asked), signatures


def read_counts(usage: object) -> tuple[dict[str, object], tuple[str, ...]]:
    """Return the counts of an answer by kind, and a note when their total is another one.

    ``promptTokenCount`` includes what was cached, and excludes results of the service's own tools;
    ``candidatesTokenCount`` excludes thoughts, and is left out when there are only thoughts.
    """
    whole = an_object(usage)
    prompt, total = whole.get("promptTokenCount"), whole_number(whole.get("totalTokenCount"))
    read = None if prompt is None else added(prompt, whole.get("toolUsePromptTokenCount"))
    made = added(whole.get("candidatesTokenCount"), whole.get("thoughtsTokenCount"))
    if made is None and read is not None and total is not None and total >= read:
        made = total - read
    counts: dict[str, object] = {
        "input_tokens": read,
        "output_tokens": made,
        "cache_read_tokens": whole.get("cachedContentTokenCount"),
        "tool_tokens": whole.get("toolUsePromptTokenCount"),
        "reasoning_tokens": whole.get("thoughtsTokenCount"),
        **_by_medium(whole.get("promptTokensDetails"), "input_{}_tokens"),
        **_by_medium(whole.get("cacheTokensDetails"), "cache_{}_read_tokens"),
        **_by_medium(whole.get("candidatesTokensDetails"), "output_{}_tokens"),
    }
    differs = total is not None and read is not None and made is not None and total != read + made
    return counts, (TOTAL_DIFFERS,) if differs else ()


def _by_medium(details: object, kind: str) -> dict[str, object]:
    """Return the counts of media; texts have no kind of their own."""
    counts: dict[str, object] = {}
    for detail in objects(details):
        medium = _MEDIA.get(text_of(detail.get("modality")))
        if medium is not None:
            name = kind.format(medium)
            counts[name] = added(counts.get(name), detail.get("tokenCount"))
    return counts
