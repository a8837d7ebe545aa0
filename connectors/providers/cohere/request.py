"""A request as a body of Cohere's chat, version 2. No I/O."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.providers.base import ModelRequest
from connectors.providers.compatible.chat import call_body
from connectors.providers.conversation import Turn, wire_names
from connectors.providers.wire import parallel_of, unsupported
from schemas.spec.policy import Effort

NAME = "cohere"
#: The share of ``max_tokens`` that a model may think, in per cent.
_SHARE: Mapping[Effort, int] = {"minimal": 10, "low": 25, "medium": 50, "high": 75}
_MOST_STOPS = 5


def request_body(request: ModelRequest) -> dict[str, Any]:
    """Return the body. Raises a final ``unsupported_parameter``."""
    if parallel_of(request, NAME) is False:
        raise unsupported(NAME, "parallel_tools", "several calls cannot be forbidden; leave it out")
    names = wire_names(request.tools)
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [*_instructions(request), _prompt(request), *_turns(request.turns, names)],
        "max_tokens": request.max_tokens,
    }
    if request.tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {"name": names[t.name], "description": t.summary, "parameters": t.parameters},
            }
            for t in request.tools
        ]
        body |= _choice(request.tool_choice)
    return body | _options(request)


def _options(request: ModelRequest) -> dict[str, Any]:
    if len(request.stop) > _MOST_STOPS:
        raise unsupported(NAME, "stop", f"{len(request.stop)} stop texts, the most is {_MOST_STOPS}")
    schema = request.output_schema
    if schema is not None and request.tools:
        raise unsupported(NAME, "output_schema", "not together with tools; leave out one of the two")
    options = {
        "temperature": request.temperature,
        "p": request.top_p,
        "stop_sequences": list(request.stop) or None,
        "seed": request.seed,
        "thinking": _thinking(request),
        "response_format": None if schema is None else {"type": "json_object", "json_schema": schema.schema},
    }
    return {name: value for name, value in options.items() if value is not None}


def _thinking(request: ModelRequest) -> dict[str, Any] | None:
    effort = request.reasoning_effort
    if effort is None:
        return None
    if effort == "none":
        return {"type": "disabled"}
    return {"type": "enabled", "token_budget": max(request.max_tokens * _SHARE[effort] // 100, 1)}


def _choice(choice: str) -> dict[str, Any]:
    if choice == "auto":
        return {}
    if choice in ("none", "required"):
        return {"tool_choice": choice.upper()}
    raise unsupported(NAME, "tool_choice", f"one tool ({choice!r}) cannot be required; offer this tool only")


def _instructions(request: ModelRequest) -> Iterator[dict[str, Any]]:
    if system := "\n\n".join(text for text in (request.system, request.developer) if text):
        yield {"role": "system", "content": system}
    for said in request.history:
        yield {"role": said.role, "content": said.text}


def _prompt(request: ModelRequest) -> dict[str, Any]:
    if not request.pictures:
        return {"role": "user", "content": request.prompt}
    shown = [{"type": "image_url", "image_url": {"url": picture.url}} for picture in request.pictures]
    return {"role": "user", "content": [{"type": "text", "text": request.prompt}, *shown]}


def _turns(turns: Sequence[Turn], names: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for turn in turns:
        calls = [call_body(one, names.get(one.name, one.name)) for one in turn.asked]
        said: dict[str, Any] = {"role": "assistant", "tool_calls": calls}
        # A text beside calls is the model's plan for them.
        yield said | ({"tool_plan": turn.text} if turn.text else {})
        for one, result in zip(turn.asked, turn.results, strict=True):
            yield {"role": "tool", "tool_call_id": one.id, "content": result}
