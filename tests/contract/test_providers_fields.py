"""Each field of a request on each wire: it stands in the body, or it is refused by its name; none is dropped."""

from dataclasses import dataclass, fields
from typing import Any

import pytest

from connectors.providers.base import ModelRequest
from schemas.errors import StepError
from tests.contract.test_providers import asked
from tests.support.wire_fixtures import PROVIDERS, fixture, request_of
from tests.support.wire_server import Reply

TOOL = {"name": "read", "summary": "Read.", "parameters": {"type": "object", "properties": {}}}
PICTURE = {"media_type": "image/png", "data": "aGk="}
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}
REFUSED = object()
PLAIN_CALL = {"id": "c", "type": "function", "function": {"name": "read", "arguments": "{}"}}

Place = tuple[Any, ...]


@dataclass(frozen=True)
class Field:
    """A field with its value, what goes with it, and where it stands on each wire: a path and the value there."""

    name: str
    asks: dict[str, Any]
    chat: Any
    anthropic: Any
    google: Any
    cohere: Any
    responses: Any
    models: tuple[tuple[str, str], ...] = ()

    def at(self, provider: str) -> Any:
        return self.chat if provider in ("openai", "compatible") else getattr(self, provider)


def at(*path: Any) -> tuple[Place, Any]:
    """Return a path whose last part is the value that stands there."""
    return path[:-1], path[-1]


FIELDS = (
    Field(
        "system",
        {"system": "Be brief."},
        at("messages", 0, {"role": "system", "content": "Be brief."}),
        at("system", "Be brief."),
        at("systemInstruction", "parts", 0, "text", "Be brief."),
        at("messages", 0, {"role": "system", "content": "Be brief."}),
        at("instructions", "Be brief."),
    ),
    Field(
        "developer",
        {"developer": "Be kind."},
        at("messages", 0, {"role": "developer", "content": "Be kind."}),
        at("system", "Be kind."),
        at("systemInstruction", "parts", 0, "text", "Be kind."),
        at("messages", 0, {"role": "system", "content": "Be kind."}),
        at("input", 0, {"role": "developer", "content": "Be kind."}),
    ),
    Field(
        "history",
        {"history": [["assistant", "Hello."]]},
        at("messages", 0, {"role": "assistant", "content": "Hello."}),
        at("messages", 0, "content", 0, "text", "Hello."),
        at("contents", 0, {"role": "model", "parts": [{"text": "Hello."}]}),
        at("messages", 0, {"role": "assistant", "content": "Hello."}),
        at("input", 0, {"role": "assistant", "content": "Hello."}),
    ),
    Field(
        "turns",
        {"tools": [TOOL], "turns": [{"text": "", "asked": [["c", "read", {}]], "results": ["whales"]}]},
        at("messages", 2, "content", "whales"),
        at("messages", 2, "content", 0, "content", "whales"),
        at("contents", 2, "parts", 0, "functionResponse", "response", "result", "whales"),
        at("messages", 2, "content", "whales"),
        at("input", 2, "output", "whales"),
    ),
    Field(
        "tools",
        {"tools": [TOOL]},
        at("tools", 0, "function", "name", "read"),
        at("tools", 0, "name", "read"),
        at("tools", 0, "functionDeclarations", 0, "name", "read"),
        at("tools", 0, "function", "name", "read"),
        at("tools", 0, "name", "read"),
    ),
    Field(
        "tool_choice",
        {"tools": [TOOL], "tool_choice": "required"},
        at("tool_choice", "required"),
        at("tool_choice", "type", "any"),
        at("toolConfig", "functionCallingConfig", "mode", "ANY"),
        at("tool_choice", "REQUIRED"),
        at("tool_choice", "required"),
    ),
    Field(
        "tool_choice",
        {"tools": [TOOL], "tool_choice": "none"},
        at("tool_choice", "none"),
        at("tool_choice", "type", "none"),
        at("toolConfig", "functionCallingConfig", "mode", "NONE"),
        at("tool_choice", "NONE"),
        at("tool_choice", "none"),
    ),
    Field(
        "tool_choice",
        {"tools": [TOOL], "tool_choice": "read"},
        at("tool_choice", "function", "name", "read"),
        at("tool_choice", "name", "read"),
        at("toolConfig", "functionCallingConfig", "allowedFunctionNames", ["read"]),
        REFUSED,
        at("tool_choice", "name", "read"),
    ),
    Field(
        "output_schema",
        {"output_schema": SCHEMA},
        at("response_format", "json_schema", "schema", SCHEMA),
        at("output_config", "format", "schema", SCHEMA),
        at("generationConfig", "responseJsonSchema", SCHEMA),
        at("response_format", "json_schema", SCHEMA),
        at("text", "format", "schema", SCHEMA),
    ),
    Field(
        "output_schema",
        {"output_schema": SCHEMA, "tools": [TOOL]},
        at("response_format", "json_schema", "schema", SCHEMA),
        at("output_config", "format", "schema", SCHEMA),
        at("generationConfig", "responseJsonSchema", SCHEMA),
        REFUSED,
        at("text", "format", "schema", SCHEMA),
    ),
    Field(
        "stop",
        {"stop": ["END"]},
        at("stop", ["END"]),
        at("stop_sequences", ["END"]),
        at("generationConfig", "stopSequences", ["END"]),
        at("stop_sequences", ["END"]),
        REFUSED,
    ),
    Field("seed", {"seed": 0}, at("seed", 0), REFUSED, at("generationConfig", "seed", 0), at("seed", 0), REFUSED),
    Field(
        "temperature",
        {"temperature": 0.0},
        at("temperature", 0.0),
        at("temperature", 0.0),
        at("generationConfig", "temperature", 0.0),
        at("temperature", 0.0),
        at("temperature", 0.0),
    ),
    Field(
        "top_p",
        {"top_p": 0.5},
        at("top_p", 0.5),
        at("top_p", 0.5),
        at("generationConfig", "topP", 0.5),
        at("p", 0.5),
        at("top_p", 0.5),
    ),
    Field(
        "reasoning_effort",
        {"reasoning_effort": "low", "max_tokens": 8_000},
        at("reasoning_effort", "low"),
        at("thinking", {"type": "enabled", "budget_tokens": 2_000}),
        at("generationConfig", "thinkingConfig", "thinkingBudget", 2_000),
        at("thinking", "token_budget", 2_000),
        at("reasoning", "effort", "low"),
    ),
    Field(
        "reasoning_effort",
        {"reasoning_effort": "low", "max_tokens": 8_000},
        at("reasoning_effort", "low"),
        at("output_config", "effort", "low"),
        at("generationConfig", "thinkingConfig", "thinkingLevel", "low"),
        at("thinking", "token_budget", 2_000),
        at("reasoning", "effort", "low"),
        models=(("anthropic", "claude-opus-4-8"), ("google", "gemini-3-pro-preview")),
    ),
    Field(
        "parallel_tools",
        {"parallel_tools": False, "tools": [TOOL]},
        at("parallel_tool_calls", False),
        at("tool_choice", {"type": "auto", "disable_parallel_tool_use": True}),
        REFUSED,
        REFUSED,
        at("parallel_tool_calls", False),
    ),
    Field("parallel_tools", {"parallel_tools": True}, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED),
    Field(
        "pictures",
        {"pictures": [PICTURE]},
        at("messages", 0, "content", 1, "image_url", "url", "data:image/png;base64,aGk="),
        at("messages", 0, "content", 0, "source", "data", "aGk="),
        at("contents", 0, "parts", 1, "inlineData", "data", "aGk="),
        at("messages", 0, "content", 1, "image_url", "url", "data:image/png;base64,aGk="),
        at("input", 0, "content", 1, "image_url", "data:image/png;base64,aGk="),
    ),
)
#: Fields that are no part of what a model is asked, and those of every request. There is none for audio.
ELSEWHERE = {
    *("model", "prompt", "max_tokens", "idempotency_key", "timeout_s", "silence_s", "attempt", "api_key"),
    *("options", "prompt_cache"),  # of one wire each, with tests of their own
    "trace_headers",  # headers, in test_providers.py
}


def test_the_table_has_every_field_of_a_request() -> None:
    assert {one.name for one in fields(ModelRequest)} == {one.name for one in FIELDS} | ELSEWHERE


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("field", FIELDS, ids=[f"{one.name}-{n}" for n, one in enumerate(FIELDS)])
async def test_a_field_is_sent_or_refused_by_its_name(provider: str, field: Field) -> None:
    case, wanted = fixture(provider, "plain"), field.at(provider)
    request = request_of(dict(field.models).get(provider, case["model"]), case["request"] | field.asks)
    if wanted is REFUSED:
        with pytest.raises(StepError) as caught:
            await asked(provider, request, Reply(case["received"]))
        assert (caught.value.code, caught.value.details["field"]) == ("unsupported_parameter", field.name)
        return
    _, (_, body) = await asked(provider, request, Reply(case["received"]))
    path, value = wanted
    found = body
    for name in path:
        found = found[name]
    assert found == value
