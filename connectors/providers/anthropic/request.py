"""A request as a body of Anthropic's messages. No I/O."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.providers.anthropic.cache_marks import marked
from connectors.providers.base import ModelRequest
from connectors.providers.conversation import Turn, wire_names
from connectors.providers.images import ImageInput
from connectors.providers.wire import parallel_of, unsupported
from schemas.spec.policy import Effort

NAME = "anthropic"
#: The share of ``max_tokens`` that a model may think, in per cent; the service takes no less than the least budget.
_SHARE: Mapping[Effort, int] = {"minimal": 10, "low": 25, "medium": 50, "high": 75}
_LEAST_BUDGET = 1_024
#: The least of a model that thinks.
_LEAST_TOP_P = 0.95
#: Models that think up to a budget; later ones decide by themselves, and take an effort.
_BUDGETED = re.compile(r"claude-(?:3|(?:opus|sonnet|haiku)-4(?:-[015])?(?:-\d{8})?(?:-latest)?$)")


def request_body(request: ModelRequest) -> dict[str, Any]:
    """Return the body. Raises a final ``unsupported_parameter``."""
    if request.seed is not None:
        raise unsupported(NAME, "seed", "messages have no seed; leave it out or pin another provider")
    names = wire_names(request.tools)
    body: dict[str, Any] = {
        "model": request.model,
        "max_tokens": request.max_tokens,
        "messages": [*_history(request), _prompt(request), *_turns(request.turns, names)],
    }
    if system := "\n\n".join(text for text in (request.system, request.developer) if text):
        body["system"] = system
    return marked(body | _tools(request, names) | _options(request), request)


def _options(request: ModelRequest) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if request.stop:
        options["stop_sequences"] = list(request.stop)
    thinking, output = _thinking(request)
    if thinking:
        options["thinking"] = thinking
    if request.output_schema is not None:
        output["format"] = {"type": "json_schema", "schema": request.output_schema.schema}
    if output:
        options["output_config"] = output
    if request.top_p is not None:
        if thinking and request.top_p < _LEAST_TOP_P:
            why = f"a model that thinks takes {_LEAST_TOP_P} to 1 only; leave out one of the two"
            raise unsupported(NAME, "top_p", why)
        options["top_p"] = request.top_p
    if request.temperature is not None:
        if thinking and request.temperature != 1:
            raise unsupported(NAME, "temperature", "a model that thinks takes 1 only; leave out one of the two")
        options["temperature"] = request.temperature
    return options


def _thinking(request: ModelRequest) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return ``thinking`` and what ``output_config`` has of it."""
    effort = request.reasoning_effort
    if effort is None or effort == "none":
        return {}, {}
    if request.tool_choice not in ("auto", "none"):
        raise unsupported(
            NAME, "reasoning_effort", "a model that thinks chooses its tools itself; use tool_choice auto"
        )
    if not _BUDGETED.match(request.model):
        if effort == "minimal":
            raise unsupported(NAME, "reasoning_effort", f"the least effort of {request.model} is low")
        return {"type": "adaptive"}, {"effort": effort}
    budget = max(request.max_tokens * _SHARE[effort] // 100, _LEAST_BUDGET)
    if budget >= request.max_tokens:
        why = f"it needs max_tokens over {_LEAST_BUDGET}, and this call has {request.max_tokens}; raise max_tokens"
        raise unsupported(NAME, "reasoning_effort", why)
    return {"type": "enabled", "budget_tokens": budget}, {}


def _tools(request: ModelRequest, names: Mapping[str, str]) -> dict[str, Any]:
    parallel = parallel_of(request, NAME)
    if not request.tools:
        return {}
    tools = [
        {"name": names[tool.name], "description": tool.summary, "input_schema": tool.parameters}
        for tool in request.tools
    ]
    choice = _choice(request.tool_choice, names)
    if parallel is not None and request.tool_choice != "none":
        choice = {
            "tool_choice": choice.get("tool_choice", {"type": "auto"}) | {"disable_parallel_tool_use": not parallel}
        }
    return {"tools": tools} | choice


def _choice(choice: str, names: Mapping[str, str]) -> dict[str, Any]:
    if choice == "auto":
        return {}
    if choice in ("none", "required"):
        return {"tool_choice": {"type": "none" if choice == "none" else "any"}}
    return {"tool_choice": {"type": "tool", "name": names.get(choice, choice)}}


def _history(request: ModelRequest) -> Iterator[dict[str, Any]]:
    for said in request.history:
        yield {"role": said.role, "content": [{"type": "text", "text": said.text}]}


def _prompt(request: ModelRequest) -> dict[str, Any]:
    return {"role": "user", "content": [*map(_image, request.pictures), {"type": "text", "text": request.prompt}]}


def _image(picture: ImageInput) -> dict[str, Any]:
    source = {"type": "base64", "media_type": picture.media_type, "data": picture.base64}
    return {"type": "image", "source": source}


def _turns(turns: Sequence[Turn], names: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Yield each turn as two messages; all results of a turn are one message of the user."""
    for turn in turns:
        # Signed thinking comes first and must come back byte for byte, or the service refuses the turn.
        said = list(turn.opaque_of(NAME).get("thinking", ()))
        if turn.text.strip():  # blank texts are refused
            said.append({"type": "text", "text": turn.text})
        said += [
            {"type": "tool_use", "id": one.id, "name": names.get(one.name, one.name), "input": one.args}
            for one in turn.asked
        ]
        yield {"role": "assistant", "content": said}
        results = zip(turn.asked, turn.results, strict=True)
        yield {"role": "user", "content": [_result(one.id, result, bool(one.problem)) for one, result in results]}


def _result(id_: str, result: str, failed: bool) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "tool_result", "tool_use_id": id_, "content": result}
    return block | {"is_error": True} if failed else block
