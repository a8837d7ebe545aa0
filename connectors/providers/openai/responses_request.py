"""A request as a body of OpenAI's responses. No I/O."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.providers.base import ModelRequest
from connectors.providers.conversation import Turn, wire_names
from connectors.providers.wire import parallel_of, unsupported


def request_body(request: ModelRequest, provider: str) -> dict[str, Any]:
    """Return the body; nothing is stored with the service. Raises a final ``unsupported_parameter``."""
    for name, is_set in (("stop", bool(request.stop)), ("seed", request.seed is not None)):
        if is_set:
            raise unsupported(provider, name, "responses have none; leave it out, or set OPENAI_WIRE=chat")
    parallel_of(request, provider)
    names = wire_names(request.tools)
    body: dict[str, Any] = {
        "model": request.model,
        "input": [*_before(request), _prompt(request), *_turns(request.turns, names, provider)],
        "max_output_tokens": request.max_tokens,
        "store": False,
    }
    if request.system:
        body["instructions"] = request.system
    return body | _tools(request, names) | _options(request)


def _options(request: ModelRequest) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if request.temperature is not None:
        options["temperature"] = request.temperature
    if request.top_p is not None:
        options["top_p"] = request.top_p
    if request.parallel_tools is not None:
        options["parallel_tool_calls"] = request.parallel_tools
    if request.reasoning_effort is not None:
        options["reasoning"] = {"effort": request.reasoning_effort}
    if request.reasoning_effort is not None or request.tools:
        # What is not stored with the service must travel with the turns.
        options["include"] = ["reasoning.encrypted_content"]
    if request.output_schema is not None:
        schema = request.output_schema
        format_ = {"type": "json_schema", "name": schema.name, "schema": schema.schema, "strict": True}
        options["text"] = {"format": format_}
    return options


def _tools(request: ModelRequest, names: Mapping[str, str]) -> dict[str, Any]:
    if not request.tools:
        return {}
    tools = [
        {
            "type": "function",
            "name": names[tool.name],
            "description": tool.summary,
            "parameters": tool.parameters,
            "strict": False,
        }
        for tool in request.tools
    ]
    choice = request.tool_choice
    if choice == "auto":
        return {"tools": tools}
    named = {"type": "function", "name": names.get(choice, choice)}
    return {"tools": tools, "tool_choice": choice if choice in ("none", "required") else named}


def _before(request: ModelRequest) -> Iterator[dict[str, Any]]:
    if request.developer:
        yield {"role": "developer", "content": request.developer}
    for said in request.history:
        yield {"role": said.role, "content": said.text}


def _prompt(request: ModelRequest) -> dict[str, Any]:
    if not request.pictures:
        return {"role": "user", "content": request.prompt}
    shown = [{"type": "input_image", "image_url": picture.url, "detail": "auto"} for picture in request.pictures]
    return {"role": "user", "content": [{"type": "input_text", "text": request.prompt}, *shown]}


def _turns(turns: Sequence[Turn], names: Mapping[str, str], provider: str) -> Iterator[dict[str, Any]]:
    for turn in turns:
        if turn.text:
            yield {"role": "assistant", "content": turn.text}
        # Reasoning stands before the call that it led to, so that both come back as they came.
        items = turn.opaque_of(provider).get("items")
        yield from items if items else _calls(turn, names)
        for one, result in zip(turn.asked, turn.results, strict=True):
            yield {"type": "function_call_output", "call_id": one.id, "output": result}


def _calls(turn: Turn, names: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for one in turn.asked:
        arguments = json.dumps(one.args, ensure_ascii=False)
        name = names.get(one.name, one.name)
        yield {"type": "function_call", "call_id": one.id, "name": name, "arguments": arguments}
