"""A request as a body of Gemini's ``generateContent``. No I/O."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.providers.base import ModelRequest
from connectors.providers.conversation import Asked, Turn, wire_names
from connectors.providers.images import ImageInput
from connectors.providers.wire import parallel_of, unsupported
from schemas.spec.policy import Effort

NAME = "google"
#: The share of ``max_tokens`` that models before Gemini 3 may think, in per cent; newer ones take a level.
_SHARE: Mapping[Effort, int] = {"none": 0, "minimal": 10, "low": 25, "medium": 50, "high": 75}
_LEVELS = "gemini-3"
#: What the service takes in place of a signature for a call that another model made.
_NO_SIGNATURE = "skip_thought_signature_validator"
_MOST_STOPS = 5


def request_body(request: ModelRequest) -> dict[str, Any]:
    """Return the body. Raises a final ``unsupported_parameter``."""
    if parallel_of(request, NAME) is False:
        raise unsupported(NAME, "parallel_tools", "several calls cannot be forbidden; leave it out")
    names = wire_names(request.tools)
    contents = [*_history(request), _prompt(request), *_turns(request.turns, names, request.model)]
    body: dict[str, Any] = {"contents": contents, "generationConfig": _options(request)}
    if system := "\n\n".join(text for text in (request.system, request.developer) if text):
        body["systemInstruction"] = {"parts": [{"text": system}]}
    if request.tools:
        declared = [
            {"name": names[tool.name], "description": tool.summary, "parametersJsonSchema": tool.parameters}
            for tool in request.tools
        ]
        body["tools"] = [{"functionDeclarations": declared}]
        if request.tool_choice != "auto":
            body["toolConfig"] = {"functionCallingConfig": _choice(request.tool_choice, names)}
    return body


def _options(request: ModelRequest) -> dict[str, Any]:
    if len(request.stop) > _MOST_STOPS:
        raise unsupported(NAME, "stop", f"{len(request.stop)} stop texts, the most is {_MOST_STOPS}")
    schema = request.output_schema
    options = {
        "maxOutputTokens": request.max_tokens,
        "temperature": request.temperature,
        "topP": request.top_p,
        "stopSequences": list(request.stop) or None,
        "seed": request.seed,
        "thinkingConfig": _thinking(request),
        "responseMimeType": None if schema is None else "application/json",
        "responseJsonSchema": None if schema is None else schema.schema,
    }
    return {name: value for name, value in options.items() if value is not None}


def _thinking(request: ModelRequest) -> dict[str, Any] | None:
    effort = request.reasoning_effort
    if effort is None:
        return None
    if not request.model.startswith(_LEVELS):
        return {"thinkingBudget": request.max_tokens * _SHARE[effort] // 100}
    if effort == "none":
        raise unsupported(NAME, "reasoning_effort", f"{request.model} always thinks; the least is minimal")
    return {"thinkingLevel": effort}


def _choice(choice: str, names: Mapping[str, str]) -> dict[str, Any]:
    if choice in ("none", "required"):
        return {"mode": "NONE" if choice == "none" else "ANY"}
    return {"mode": "ANY", "allowedFunctionNames": [names.get(choice, choice)]}


def _history(request: ModelRequest) -> Iterator[dict[str, Any]]:
    for said in request.history:
        yield {"role": "user" if said.role == "user" else "model", "parts": [{"text": said.text}]}


def _prompt(request: ModelRequest) -> dict[str, Any]:
    return {"role": "user", "parts": [{"text": request.prompt}, *map(_image, request.pictures)]}


def _image(picture: ImageInput) -> dict[str, Any]:
    return {"inlineData": {"mimeType": picture.media_type, "data": picture.base64}}


def _turns(turns: Sequence[Turn], names: Mapping[str, str], model: str) -> Iterator[dict[str, Any]]:
    for turn in turns:
        signatures = turn.opaque_of(NAME).get("signatures", {})
        if not signatures and turn.asked and model.startswith(_LEVELS):
            signatures = {turn.asked[0].id: _NO_SIGNATURE}
        said: list[dict[str, Any]] = [{"text": turn.text}] if turn.text else []
        said += [_call(one, names, signatures) for one in turn.asked]
        yield {"role": "model", "parts": said}
        results = zip(turn.asked, turn.results, strict=True)
        yield {"role": "user", "parts": [_result(one, names, result) for one, result in results]}


def _call(one: Asked, names: Mapping[str, str], signatures: Mapping[str, str]) -> dict[str, Any]:
    part: dict[str, Any] = {"functionCall": {"name": names.get(one.name, one.name), "args": one.args}}
    return part | {"thoughtSignature": signatures[one.id]} if one.id in signatures else part


def _result(one: Asked, names: Mapping[str, str], result: str) -> dict[str, Any]:
    kind = "error" if one.problem else "result"
    return {"functionResponse": {"name": names.get(one.name, one.name), "response": {kind: result}}}
