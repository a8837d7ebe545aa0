"""The fixtures of ``tests/wire/<provider>``: a request, what must be sent for it, an answer, and what it is read as.

``request`` has the fields of ``ModelRequest`` as JSON, ``received`` is the answer's body, and ``expected`` has what
differs from a plain answer; ``cost_nano`` is computed by hand from the list prices that the file's numbers show.
"""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from connectors.providers.base import ModelRequest, OutputSchema, Provider
from connectors.providers.conversation import Asked, Said, ToolSpec, Turn
from connectors.providers.images import ImageInput
from connectors.providers.registry import Endpoint, build_providers
from tests.support.wire_server import KEY

FOLDER = Path(__file__).parents[1] / "wire"
#: Who is asked with which fixtures; ``compatible`` speaks the wire of ``openai``, and
#: ``responses`` is the provider ``openai`` with its other wire.
FIXTURES = {
    "openai": "openai",
    "responses": "responses",
    "compatible": "openai",
    "anthropic": "anthropic",
    "google": "google",
    "cohere": "cohere",
}
PROVIDERS = tuple(FIXTURES)
MODELS = {
    "openai": "gpt-4o",
    "responses": "gpt-4o",
    "compatible": "gpt-4o",
    "anthropic": "claude-sonnet-4-5",
    "google": "gemini-2.5-flash",
    "cohere": "command-r-08-2024",
}


def cases() -> list[tuple[str, str]]:
    """Return each provider with the names of its fixtures."""
    return [
        (provider, file.stem)
        for provider, folder in FIXTURES.items()
        for file in sorted((FOLDER / folder).glob("*.json"))
    ]


def fixture(provider: str, name: str) -> dict[str, Any]:
    """Return a fixture."""
    read: dict[str, Any] = json.loads((FOLDER / FIXTURES[provider] / f"{name}.json").read_text(encoding="utf-8"))
    return read


def provider_at(name: str, url: str, key: str = KEY) -> Provider:
    """Return a provider that asks a server of the test."""
    if name == "responses":
        return build_providers({"openai": Endpoint(key, url)}, openai_wire="responses")["openai"]
    return build_providers({name: Endpoint(key, url)})[name]


def request_of(model: str, fields: Mapping[str, Any]) -> ModelRequest:
    """Return a request from its fields as JSON."""
    schema = fields.get("output_schema")
    plain = {"prompt", "max_tokens", "temperature", "system", "developer", "tool_choice", "seed", "reasoning_effort"}
    plain |= {"top_p", "parallel_tools"}
    return ModelRequest(
        model=model,
        idempotency_key="key-1",
        timeout_s=10,
        tools=tuple(ToolSpec(**tool) for tool in fields.get("tools", ())),
        turns=tuple(_turn(turn) for turn in fields.get("turns", ())),
        pictures=tuple(ImageInput(p["media_type"], base64.b64decode(p["data"])) for p in fields.get("pictures", ())),
        history=tuple(Said(role, text) for role, text in fields.get("history", ())),
        output_schema=None if schema is None else OutputSchema(schema),
        stop=tuple(fields.get("stop", ())),
        **{name: value for name, value in fields.items() if name in plain},
    )


def _turn(turn: Mapping[str, Any]) -> Turn:
    asked = tuple(Asked(id_, name, args) for id_, name, args in turn["asked"])
    return Turn(turn["text"], asked, tuple(turn["results"]), turn.get("opaque"))
