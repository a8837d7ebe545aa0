"""What a service says that a call costs arrives with the answer, plain and streamed, whatever it wrote."""

from typing import Any

import pytest
from agentflow import GenerateResponse

from connectors.providers.base import ModelRequest
from connectors.providers.custom.provider import CustomProvider
from connectors.providers.deltas import End
from connectors.providers.http_provider import HttpProvider
from tests.support.wire_fixtures import fixture, provider_at, request_of
from tests.support.wire_server import Reply, wire_server
from tests.support.wire_streams import frames

STATED = [0.00125, 0, "0.1", -1, None]


def with_cost(cost: object) -> tuple[ModelRequest, dict[str, Any]]:
    case = fixture("compatible", "plain")
    received = case["received"] | {"usage": case["received"]["usage"] | {"cost": cost}}
    return request_of(case["model"], case["request"]), received


@pytest.mark.parametrize("cost", STATED)
async def test_a_compatible_service_states_its_cost_in_its_usage(cost: object) -> None:
    request, received = with_cost(cost)
    async with wire_server("compatible", Reply(received)) as server:
        provider = provider_at("compatible", server.url)
        try:
            assert (await provider.complete(request)).stated_cost_usd == cost
        finally:
            await provider.close()


async def test_a_stream_states_it_at_its_end() -> None:
    request, received = with_cost(0.00125)
    body = b"".join(frames("compatible", received))
    async with wire_server("compatible", Reply(body, headers={"Content-Type": "text/event-stream"})) as server:
        provider = provider_at("compatible", server.url)
        assert isinstance(provider, HttpProvider)
        try:
            deltas = [delta async for delta in provider.stream(request)]
        finally:
            await provider.close()
    assert isinstance(deltas[-1], End)
    assert deltas[-1].response.stated_cost_usd == 0.00125


@pytest.mark.parametrize("cost", [0.5, "0.5", None])
async def test_a_custom_provider_states_it_with_its_answer(cost: Any) -> None:
    provider = CustomProvider("own", lambda _: GenerateResponse("hi", 1, 1, cost_usd=cost), ())
    request = ModelRequest(model="m", prompt="x", max_tokens=1, idempotency_key="k")
    assert (await provider.complete(request)).stated_cost_usd == cost
    text = CustomProvider("own", lambda _: "hi", ())
    assert (await text.complete(request)).stated_cost_usd is None
