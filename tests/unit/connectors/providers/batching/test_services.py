"""The batch APIs of OpenAI and Anthropic, against a server that speaks both wires."""

from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest
from pydantic import SecretStr

from bench.batching.server import KEY, BatchServer, batch_server, tokens_of
from connectors.providers.anthropic.provider import AnthropicProvider
from connectors.providers.base import ModelRequest
from connectors.providers.batching.port import BatchService, Candidate, Job, Line, surely_not_made
from connectors.providers.batching.services import batch_services
from connectors.providers.compatible.wire import CompatibleProvider
from connectors.providers.openai.provider import OpenAIProvider
from schemas.errors import StepError

PROMPTS = ("one", "two", "three")


class Api(NamedTuple):
    service: BatchService
    server: BatchServer


@pytest.fixture(params=["openai", "anthropic"])
async def api(request: pytest.FixtureRequest) -> AsyncIterator[Api]:
    async with batch_server(lasts_ms=100) as server:
        make = OpenAIProvider if request.param == "openai" else AnthropicProvider
        provider = make(KEY, server.url)
        yield Api(batch_services({provider.name: provider})[provider.name], server)
        await provider.close()


def request(prompt: str) -> ModelRequest:
    return ModelRequest("a-model", prompt, 50, "key")


def job(service: BatchService, name: str = "batch_1", key: str | None = None) -> Job:
    lines = [Line(f"{name}-{prompt}", *service.question(request(prompt))) for prompt in PROMPTS]
    return Job(name, lines, None if key is None else SecretStr(key))


async def created(service: BatchService, one: Job) -> str:
    file_id = await service.upload(one) if service.uploads else ""
    return await service.create(one, file_id)


async def test_a_batch_is_made_asked_for_and_read(api: Api) -> None:
    service, server = api
    name = await created(service, job(service))
    assert (await service.poll(name, None)).state == "open"
    server.now_ms, server.unmade, server.refused = 100, {"two"}, {"three"}
    polled = await service.poll(name, None)
    assert polled.state == "ended"
    by_name = {line.custom_id: line for line in await service.results(polled, None)}
    assert [by_name[f"batch_1-{prompt}"].state for prompt in PROMPTS] == ["answered", "expired", "failed"]
    error = by_name["batch_1-three"].error
    assert error is not None
    assert (error.code, error.retryable) == ("provider_rejected", False)
    assert "not allowed" in str(error)
    answer = service.answer(request("one"), {}, by_name["batch_1-one"].body, 30)
    assert answer.text == "answer to one"
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == tokens_of("one")
    assert answer.served == (("processing", "batch"),), "once, whether the answer says so or not"


async def test_a_canceled_batch_ends_with_calls_that_were_not_made(api: Api) -> None:
    service, server = api
    name = await created(service, job(service))
    await service.cancel(name, None)
    assert (await service.poll(name, None)).state == "open"
    server.now_ms = 100
    results = await service.results(await service.poll(name, None), None)
    assert [line.state for line in results] == ["canceled"] * 3
    assert server.made.total() == 0


async def test_a_batch_whose_reply_was_lost_is_found_and_no_other_one(api: Api) -> None:
    service, server = api
    await created(service, job(service, "batch_2"))
    server.lose_replies = 1
    with pytest.raises(StepError) as lost:
        await created(service, job(service))
    assert not surely_not_made(lost.value)
    server.now_ms = 100
    assert await service.find(job(service), 0) == [Candidate("b1", sure=True)]
    assert await service.find(job(service, "batch_3"), 0) == []


async def test_a_batch_in_progress_without_a_name_is_a_candidate_alone(api: Api) -> None:
    service, _ = api
    await created(service, job(service))
    assert await service.find(job(service), 0) == [Candidate("b0", sure=service.uploads)]
    fewer = job(service)._replace(lines=job(service).lines[:2], id="another")
    assert await service.find(fewer, 0) == []


async def test_batches_are_looked_for_on_every_page(api: Api) -> None:
    service, server = api
    await created(service, job(service))
    for n in range(120):
        await created(service, job(service, f"batch_{n + 2}"))
    server.now_ms = 100
    assert Candidate("b0", sure=True) in await service.find(job(service), 0)


async def test_a_batch_that_is_not_known_is_lost_and_other_refusals_are_raised(api: Api) -> None:
    service, _ = api
    assert (await service.poll("nobody", None)).state == "lost"
    with pytest.raises(StepError) as refused:
        await service.poll("nobody", SecretStr("a wrong key"))
    assert refused.value.code == "provider_auth"
    with pytest.raises(StepError) as other:
        await created(service, job(service, key="a wrong key"))
    assert surely_not_made(other.value)


@pytest.mark.parametrize(
    ("details", "sure"),
    [
        ({"status": "400"}, True),
        ({"status": "429"}, True),
        ({"status": "408"}, False),
        ({"status": "500"}, False),
        ({"status": "504", "outcome": "unknown"}, False),
        ({"outcome": "not_sent"}, True),
        ({"outcome": "unknown"}, False),
        ({}, False),
    ],
)
def test_only_a_refusal_or_no_connection_say_that_there_is_no_batch(details: dict[str, str], sure: bool) -> None:
    assert surely_not_made(StepError("x", "x", details=details)) is sure


def test_a_compatible_service_has_no_batch_api_here() -> None:
    assert batch_services({"compatible": CompatibleProvider("k", "http://127.0.0.1:1/v1")}) == {}
