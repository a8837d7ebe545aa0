"""The chat-completions wire format: a request's body, and the parsed answer. No I/O."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from connectors.providers.base import ModelRequest
from connectors.providers.conversation import Asked, ToolSpec, Turn, asked_for, names_by_wire, wire_names
from connectors.providers.results import filtered, no_text
from connectors.providers.usage import added
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

MaxTokensField = Literal["max_tokens", "max_completion_tokens"]

_FINISH = {
    "stop": STOP,
    "length": LENGTH,
    "tool_calls": TOOL_CALLS,
    "function_call": TOOL_CALLS,
    "content_filter": CONTENT_FILTER,
}


def request_body(request: ModelRequest, max_tokens_field: MaxTokensField = "max_tokens") -> dict[str, Any]:
    """Return the JSON body of a request: instructions, earlier messages, the prompt, then the turns since."""
    names = wire_names(request.tools)
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [
            *_instructions(request),
            {"role": "user", "content": _prompt(request)},
            *_messages(request.turns, names),
        ],
        max_tokens_field: request.max_tokens,
    }
    if request.tools:
        body["tools"] = [_tool(tool, names[tool.name]) for tool in request.tools]
        if request.tool_choice != "auto":
            body["tool_choice"] = _choice(request.tool_choice, names)
    return body | _options(request)


def _options(request: ModelRequest) -> dict[str, Any]:
    schema = request.output_schema
    options = {
        "temperature": request.temperature,
        "stop": list(request.stop) or None,
        "seed": request.seed,
        "top_p": request.top_p,
        "parallel_tool_calls": request.parallel_tools,
        "reasoning_effort": request.reasoning_effort,
        "response_format": None
        if schema is None
        else {
            "type": "json_schema",
            "json_schema": {"name": schema.name, "schema": schema.schema, "strict": True},
        },
    }
    return {name: value for name, value in options.items() if value is not None}


def _instructions(request: ModelRequest) -> Iterator[dict[str, Any]]:
    for role, text in (("system", request.system), ("developer", request.developer)):
        if text:
            yield {"role": role, "content": text}
    for said in request.history:
        yield {"role": said.role, "content": said.text}


def _choice(choice: str, names: Mapping[str, str]) -> str | dict[str, Any]:
    if choice in ("none", "required"):
        return choice
    return {"type": "function", "function": {"name": names.get(choice, choice)}}


def _prompt(request: ModelRequest) -> str | list[dict[str, Any]]:
    if not request.pictures:
        return request.prompt
    shown = [{"type": "image_url", "image_url": {"url": picture.url}} for picture in request.pictures]
    return [{"type": "text", "text": request.prompt}, *shown]


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
    choices = objects(body.get("choices"))
    counts = read_counts(body.get("usage"))
    if not choices:
        if counts["output_tokens"] is None:
            raise MalformedError("'choices' is not a list with an object in it")
        return Completion("", STOP, counts, problem=no_text(STOP))
    message = choices[0].get("message")
    if not isinstance(message, dict):
        raise MalformedError("'choices[0].message' is not an object")
    asked = read_calls(message, names_by_wire(tools)) if tools else ()
    reason, notes = finish(choices[0].get("finish_reason"), _FINISH)
    text = "" if asked and not message.get("content") else _text(message)
    if text is None and counts["output_tokens"] is None:
        raise MalformedError("'choices[0].message.content' is not text, and nothing was counted")
    return Completion(
        text=text or "",
        finish_reason=REFUSAL if _refused(message) else reason,
        counts=counts,
        asked=asked,
        problem=None if text is not None else filtered() if reason == CONTENT_FILTER else no_text(reason),
        notes=notes,
        served=served_by(body, {"service_tier": "service_tier"}),
        stated_cost_usd=an_object(body.get("usage")).get("cost"),
        hidden=any(message.get(name) for name in ("reasoning", "reasoning_content", "reasoning_details")),
    )


def _text(message: Mapping[str, Any]) -> str | None:
    """Return a message's text; ``None`` when it has none. A refusal is text too: it was answered and is paid for."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    texts = [part["text"] for part in objects(content) if isinstance(part.get("text"), str)]
    if texts:
        return "".join(texts)
    return text_of(message.get("refusal")) if _refused(message) else None


def _refused(message: Mapping[str, Any]) -> bool:
    return bool(text_of(message.get("refusal"))) and not message.get("content")


def read_counts(usage: object) -> dict[str, object]:
    """Return the counts of a chat completion by kind.

    ``prompt_tokens`` includes what was cached, and ``completion_tokens`` includes reasoning; with some services it does
    not, which their total shows.
    """
    whole = an_object(usage)
    read, made = an_object(whole.get("prompt_tokens_details")), an_object(whole.get("completion_tokens_details"))
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
