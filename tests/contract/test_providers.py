"""Every provider over its own wire: what is sent, how answers are read and counted, and what they cost."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.prices.book import PriceBook
from connectors.providers.base import ModelRequest, ModelResponse
from connectors.providers.images import noted
from connectors.providers.request_text import request_text
from schemas.errors import StepError
from schemas.records.base import Usage
from schemas.trace_context import context_headers
from services.calls.answers.answer import output_of
from tests.support.wire_fixtures import MODELS, PROVIDERS, cases, fixture, provider_at, request_of
from tests.support.wire_server import KEY, Reply, wire_server

PRICES = PriceBook.load()
AT_MS = int(datetime(2026, 11, 22, 12, 0, tzinfo=UTC).timestamp() * 1000)
SHAPES = ("plain", "request_in_full", "turns", "schema_and_image")


async def asked(provider: str, request: ModelRequest, reply: Reply, key: str = KEY) -> tuple[ModelResponse, Any]:
    """Return the answer to a request, and the path and body that the server got."""
    async with wire_server(provider, reply) as server:
        client = provider_at(provider, server.url, key)
        try:
            response = await client.complete(request)
        finally:
            await client.close()
    (path, headers, body) = server.requests[0]
    assert headers["idempotency-key"] == "key-1"
    return response, (path, body)


def test_every_provider_has_a_fixture_of_every_shape() -> None:
    found = set(cases())
    assert {(provider, shape) for provider in PROVIDERS for shape in SHAPES} <= found


@pytest.mark.parametrize(("provider", "name"), cases())
async def test_a_request_is_sent_and_its_answer_read_as_the_fixture_says(provider: str, name: str) -> None:
    case = fixture(provider, name)
    expected, request = case["expected"], request_of(case["model"], case["request"])
    response, (path, body) = await asked(provider, request, Reply(case["received"]))
    assert path == case["path"]
    assert body == case.get("sent", body)
    assert response.sent == noted(body, request.pictures)
    assert response.received == case["received"]
    assert (response.text, response.finish_reason) == (expected["text"], expected.get("finish_reason", "stop"))
    assert [[one.id, one.name, one.args] for one in response.asked] == expected.get("asked", [])
    assert (response.problem and response.problem.code) == expected.get("problem")
    assert response.opaque == expected.get("opaque")
    assert list(response.notes) == expected.get("notes", [])
    assert response.usage == Usage(**expected["usage"])
    if provider != "compatible":
        name = "openai" if provider == "responses" else provider
        assert [list(how) for how in response.served] == expected.get("served", [])
        cost = PRICES.cost(name, case["model"], response.usage, AT_MS, response.served)
        assert cost == expected["cost_nano"]


@pytest.mark.parametrize(("provider", "name"), cases())
def test_a_bound_is_over_every_text_that_is_sent(provider: str, name: str) -> None:
    case = fixture(provider, name)
    text = request_text(request_of(case["model"], case["request"]))
    fields = case["request"]
    said = [fields[key] for key in ("prompt", "system", "developer") if key in fields]
    said += [message for _, message in fields.get("history", ())]
    said += [part for tool in fields.get("tools", ()) for part in (tool["summary"], json.dumps(tool["parameters"]))]
    said += [part for turn in fields.get("turns", ()) for part in (turn["text"], *turn["results"])]
    said += [json.dumps(fields["output_schema"])] if "output_schema" in fields else []
    assert [part for part in said if part not in text] == []


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_images_are_stored_as_their_hash(provider: str) -> None:
    case = fixture(provider, "schema_and_image")
    request = request_of(case["model"], case["request"])
    response, _ = await asked(provider, request, Reply(case["received"]))
    (picture,) = request.pictures
    stored = json.dumps(response.sent)
    assert picture.base64 not in stored
    assert picture.sha256 in stored


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_the_key_shows_nowhere(provider: str) -> None:
    case = fixture(provider, "plain")
    response, _ = await asked(provider, request_of(case["model"], case["request"]), Reply(case["received"]))
    assert KEY not in repr(response)
    with pytest.raises(StepError) as caught:
        await asked(provider, request_of(case["model"], case["request"]), Reply({}), key="another-secret")
    assert (caught.value.code, caught.value.retryable) == ("provider_auth", False)
    assert "another-secret" not in str(caught.value) + repr(caught.value.details)


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_an_answer_without_counts_is_taken_at_its_bounds(provider: str) -> None:
    case = fixture(provider, "plain")
    received = {name: value for name, value in case["received"].items() if name not in ("usage", "usageMetadata")}
    request = request_of(case["model"], case["request"])
    response, _ = await asked(provider, request, Reply(received))
    assert response.notes[:2] == ("input_tokens:not_given", "output_tokens:not_given")
    assert response.usage.input_tokens >= len(request.prompt)
    assert len(response.text) < response.usage.output_tokens <= request.max_tokens
    thinking, _ = await asked(provider, replace(request, max_tokens=5_000, reasoning_effort="low"), Reply(received))
    assert thinking.usage.output_tokens == 5_000


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_half_a_surrogate_pair_is_replaced_and_noted(provider: str) -> None:
    case = fixture(provider, "plain")
    body = json.dumps(case["received"]).replace('"Paris', r'"Par\ud83d')
    response, _ = await asked(provider, request_of(case["model"], case["request"]), Reply(body))
    assert response.text.startswith("Par\ufffd")
    assert response.notes[-1] == "text:not_unicode"


@pytest.mark.parametrize(
    ("provider", "fields", "name"),
    [
        ("anthropic", {"seed": 1}, "seed"),
        ("anthropic", {"reasoning_effort": "low"}, "reasoning_effort"),
        ("anthropic", {"reasoning_effort": "low", "max_tokens": 5_000, "temperature": 0.5}, "temperature"),
        ("anthropic", {"reasoning_effort": "minimal", "model": "claude-opus-4-8"}, "reasoning_effort"),
        ("anthropic", {"reasoning_effort": "low", "max_tokens": 5_000, "tool_choice": "read"}, "reasoning_effort"),
        ("responses", {"stop": ["a"]}, "stop"),
        ("responses", {"seed": 1}, "seed"),
        ("google", {"stop": list("abcdef")}, "stop"),
        ("cohere", {"stop": list("abcdef")}, "stop"),
        (
            "cohere",
            {"tools": [{"name": "read", "summary": "", "parameters": {}}], "tool_choice": "read"},
            "tool_choice",
        ),
        ("openai", {"stop": list("abcde")}, "stop"),
    ],
)
async def test_a_field_that_a_wire_cannot_express_is_refused_by_name(
    provider: str, fields: dict[str, Any], name: str
) -> None:
    case = fixture(provider, "plain")
    model = fields.get("model", MODELS[provider])
    request = request_of(model, case["request"] | fields)
    async with wire_server(provider, Reply(case["received"])) as server:
        client = provider_at(provider, server.url)
        with pytest.raises(StepError) as caught:
            await client.complete(request)
        await client.close()
    assert (caught.value.code, caught.value.retryable) == ("unsupported_parameter", False)
    assert caught.value.details["field"] == name
    assert server.requests == []


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("choice", ["none", "read"])
async def test_tools_can_be_forbidden_and_one_can_be_required(provider: str, choice: str) -> None:
    case = fixture(provider, "turns")
    if provider == "cohere" and choice == "read":
        return  # refused by name, above
    request = replace(request_of(case["model"], case["request"]), tool_choice=choice)
    _, (_, body) = await asked(provider, request, Reply(case["received"]))
    sent = json.dumps(body.get("tool_choice") or body.get("toolConfig"))
    assert choice in sent.lower()


async def test_what_a_provider_wants_back_travels_with_the_turn() -> None:
    case = fixture("anthropic", "thinking")
    request = request_of(case["model"], case["request"])
    first, _ = await asked("anthropic", request, Reply(case["received"]))
    said = output_of(first)
    turn = {"text": said["text"], "asked": [["t1", "read", {}]], "results": ["whales"], "opaque": said["opaque"]}
    again = request_of(case["model"], case["request"] | {"turns": [turn]})
    _, (_, body) = await asked("anthropic", again, Reply(case["received"]))
    assert body["messages"][1]["content"][:2] == case["received"]["content"][:2]
    elsewhere = fixture("google", "plain")
    _, (_, body) = await asked("google", replace(again, model="gemini-3-pro"), Reply(elsewhere["received"]))
    assert body["contents"][1]["parts"][0]["thoughtSignature"] == "skip_thought_signature_validator"
    assert "c2ln" not in json.dumps(body)


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_request_names_the_span_that_it_is_made_in(provider: str) -> None:
    name = next(name for one, name in cases() if one == provider)
    case = fixture(provider, name)
    request = replace(
        request_of(case["model"], case["request"]), trace_headers=context_headers("a" * 32, "b" * 16, "vendor=1")
    )
    async with wire_server(provider, Reply(case["received"])) as server:
        client = provider_at(provider, server.url, KEY)
        try:
            await client.complete(request)
        finally:
            await client.close()
    (_, sent, _) = server.requests[0]
    assert (sent["traceparent"], sent["tracestate"]) == (f"00-{'a' * 32}-{'b' * 16}-01", "vendor=1")
