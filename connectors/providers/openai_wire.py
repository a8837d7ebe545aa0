"""The chat-completions wire format: a request's body, and the parsed answer. No I/O."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from connectors.providers.base import ModelRequest
from connectors.providers.conversation import Asked, ToolSpec, Turn, asked_for
from connectors.providers.results import no_text
from connectors.providers.usage import added
from schemas.errors import StepError

_NOT_ON_THE_WIRE = re.compile(r"[^A-Za-z0-9_-]")

MaxTokensField = Literal["max_tokens", "max_completion_tokens"]


class MalformedError(ValueError):
    """The body is not a chat completion; the message names the problem."""


@dataclass(frozen=True, slots=True)
class Completion:
    """A parsed answer. ``counts`` are the provider's by kind, as it gave them (see ``providers.usage``).

    ``problem`` is why an answer that was counted cannot be used.
    """

    text: str
    finish_reason: str
    counts: Mapping[str, object] = field(default_factory=dict)
    asked: tuple[Asked, ...] = ()
    problem: StepError | None = None


def request_body(request: ModelRequest, max_tokens_field: MaxTokensField = "max_tokens") -> dict[str, Any]:
    """Return the JSON body of a request: the prompt as one user message, then the earlier turns."""
    names = wire_names(request.tools)
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [{"role": "user", "content": _prompt(request)}, *_messages(request.turns, names)],
        max_tokens_field: request.max_tokens,
    }
    if request.tools:
        body["tools"] = [_tool(tool, names[tool.name]) for tool in request.tools]
    if request.temperature is not None:
        body["temperature"] = request.temperature
    return body


def _prompt(request: ModelRequest) -> str | list[dict[str, Any]]:
    if not request.pictures:
        return request.prompt
    shown = [{"type": "image_url", "image_url": {"url": picture.url}} for picture in request.pictures]
    return [{"type": "text", "text": request.prompt}, *shown]


def wire_names(tools: Sequence[ToolSpec]) -> dict[str, str]:
    """Return each tool's name as the wire takes it (letters, digits, '_' and '-'; 64 of them), each another one."""
    names: dict[str, str] = {}
    for tool in tools:
        name = _NOT_ON_THE_WIRE.sub("_", tool.name)[:64]
        taken = set(names.values())
        names[tool.name] = name if name not in taken else f"{name[:60]}_{len(taken)}"
    return names


def _tool(tool: ToolSpec, name: str) -> dict[str, Any]:
    described = {"name": name, "description": tool.summary, "parameters": tool.parameters}
    return {"type": "function", "function": described}


def _messages(turns: Sequence[Turn], names: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for turn in turns:
        calls = [call_body(one, names.get(one.name, one.name)) for one in turn.asked]
        yield {"role": "assistant", "content": turn.text or None, "tool_calls": calls}
        for one, result in zip(turn.asked, turn.results, strict=True):
            yield {"role": "tool", "tool_call_id": one.id, "content": result}


def call_body(asked: Asked, name: str) -> dict[str, Any]:
    """Return a requested call in the form of an assistant's message."""
    arguments = json.dumps(asked.args, ensure_ascii=False)
    return {"id": asked.id, "type": "function", "function": {"name": name, "arguments": arguments}}


def read_calls(message: object, names: Mapping[str, str]) -> tuple[Asked, ...]:
    """Return the calls that an assistant's message requests; ``names`` are the tools' names by those on the wire."""
    calls = message.get("tool_calls") if isinstance(message, dict) else None
    if calls is None:
        return ()
    if not isinstance(calls, list):
        raise MalformedError("'tool_calls' is not a list")
    return tuple(_read_call(call, names) for call in calls)


def _read_call(call: object, names: Mapping[str, str]) -> Asked:
    function = call.get("function") if isinstance(call, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    id_ = call.get("id") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(name, str) or not isinstance(id_, str):
        raise MalformedError("a tool call has no id, or no function with a name")
    arguments = function.get("arguments")
    return asked_for(id_, names.get(name, name), arguments if isinstance(arguments, str) else json.dumps(arguments))


def read_completion(body: object, tools: Sequence[ToolSpec] = ()) -> Completion:
    """Read an answer's JSON body. Raises ``MalformedError``."""
    if not isinstance(body, dict):
        raise MalformedError(f"the body is a {type(body).__name__}, not an object")
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise MalformedError("'choices' is not a list with an object in it")
    message = choices[0].get("message")
    asked = read_calls(message, {wire: name for name, wire in wire_names(tools).items()}) if tools else ()
    reason = choices[0].get("finish_reason")
    counts = read_counts(body.get("usage"))
    text = "" if asked and not _has_content(message) else _text(message)
    if text is None and counts["output_tokens"] is None:
        raise MalformedError("'choices[0].message.content' is not text, and nothing was counted")
    return Completion(
        text=text or "",
        finish_reason=reason if isinstance(reason, str) else "stop",
        counts=counts,
        problem=no_text(reason) if text is None else None,
        asked=asked,
    )


def _has_content(message: object) -> bool:
    return isinstance(message, dict) and bool(message.get("content"))


def _text(message: object) -> str | None:
    """Return a message's text; ``None`` when it has none. A refusal is text too: it was answered and is paid for."""
    if not isinstance(message, dict):
        raise MalformedError("'choices[0].message' is not an object")
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(p["text"] for p in content if isinstance(p, dict) and isinstance(p.get("text"), str))
    refusal = message.get("refusal")
    if isinstance(refusal, str):
        return refusal
    return None


def read_counts(usage: object) -> dict[str, object]:
    """Return the counts of a chat completion by kind.

    ``prompt_tokens`` includes what was cached, and ``completion_tokens`` includes reasoning; with some services it does
    not, which their total shows.
    """
    whole = _object(usage)
    read, made = _object(whole.get("prompt_tokens_details")), _object(whole.get("completion_tokens_details"))
    reasoned, written = made.get("reasoning_tokens"), whole.get("completion_tokens")
    apart = added(whole.get("prompt_tokens"), written, reasoned)
    if apart is not None and reasoned and whole.get("total_tokens") == apart:
        written = added(written, reasoned)
    return {
        "input_tokens": whole.get("prompt_tokens"),
        "output_tokens": written,
        "cache_read_tokens": read.get("cached_tokens"),
        "cache_write_tokens": read.get("cache_write_tokens"),
        "input_audio_tokens": read.get("audio_tokens"),
        "input_image_tokens": read.get("image_tokens"),
        "reasoning_tokens": reasoned,
        "output_audio_tokens": made.get("audio_tokens"),
    }


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
