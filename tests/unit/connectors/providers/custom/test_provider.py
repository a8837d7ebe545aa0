"""A declared function as a provider: what it is asked, and what becomes of what it returns and raises."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from agentflow import GenerateRequest, GenerateResponse, ProviderError
from pydantic import SecretStr

from connectors.providers.base import ModelRequest
from connectors.providers.conversation import Said, ToolSpec
from connectors.providers.custom.provider import FAILURES, CustomProvider
from schemas.errors import StepError
from schemas.records.base import Usage

REQUEST = ModelRequest(model="m", prompt="hello", max_tokens=50, idempotency_key="k")


def made(generate: Callable[[Any], Any], *takes: str) -> CustomProvider:
    return CustomProvider("parrot", generate, takes)


def raising(exc: BaseException) -> Callable[[Any], Any]:
    def generate(request: Any) -> Any:
        raise exc

    return generate


async def failure(generate: Callable[[Any], Any], request: ModelRequest = REQUEST) -> StepError:
    with pytest.raises(StepError) as raised:
        await made(generate).complete(request)
    return raised.value


async def test_plain_async_and_class_methods_answer_alike() -> None:
    def plain(request: GenerateRequest) -> GenerateResponse:
        return GenerateResponse(request.prompt, 3, 4)

    async def later(request: GenerateRequest) -> GenerateResponse:
        await asyncio.sleep(0)
        return plain(request)

    class Parrot:
        async def generate(self, request: GenerateRequest) -> GenerateResponse:
            return plain(request)

    for generate in (plain, later, Parrot().generate):
        answer = await made(generate).complete(REQUEST)
        assert (answer.text, answer.usage) == ("hello", Usage(input_tokens=3, output_tokens=4))


async def test_a_text_alone_is_billed_by_its_bounds() -> None:
    answer = await made(lambda _: "hi").complete(REQUEST)
    assert answer.usage == Usage(input_tokens=len("hello") + 16, output_tokens=len("hi") + 16)
    assert answer.notes == ("input_tokens:not_given", "output_tokens:not_given")


@pytest.mark.parametrize("count", [-1, 10**20, "5", True, float("nan")])
async def test_counts_that_cannot_be_are_replaced_by_bounds(count: object) -> None:
    answer = await made(lambda _: GenerateResponse("hi", count, count)).complete(REQUEST)  # type: ignore[arg-type]
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (21, 18)


@pytest.mark.parametrize("found", [None, 5, {"text": "a"}, GenerateResponse(None)])  # type: ignore[arg-type]
async def test_what_is_no_answer_is_an_error_with_an_unknown_outcome(found: object) -> None:
    error = await failure(lambda _: found)
    assert (error.code, error.details["outcome"]) == ("provider_error", "unknown")
    assert "return a GenerateResponse" in str(error)


@pytest.mark.parametrize("code", FAILURES)
async def test_typed_failures_cost_nothing_unless_they_were_sent(code: Any) -> None:
    error = await failure(raising(ProviderError(code, "so it is", retry_after_ms=70)))
    assert (error.code, error.retryable, error.retry_after_ms, error.details) == (code, FAILURES[code], 70, {})
    error = await failure(raising(ProviderError(code, "so it is", sent=True)))
    assert error.details == {"outcome": "unknown"}


@pytest.mark.parametrize("exc", [ValueError("no"), SystemExit(1), StopIteration(), asyncio.CancelledError()])
async def test_any_other_exception_leaves_the_outcome_unknown(exc: BaseException) -> None:
    error = await failure(raising(exc))
    assert (error.code, error.retryable, error.details["outcome"]) == ("exception", True, "unknown")


async def test_fields_that_are_not_taken_are_refused_by_name() -> None:
    fields: dict[str, Any] = {"system": "s", "temperature": 0.1, "history": (Said("user", "a"),), "tools": (_TOOL,)}
    for name, value in fields.items():
        request = ModelRequest("m", "p", 9, "k", **{name: value})
        with pytest.raises(StepError, match=f"'{name}' cannot be sent") as raised:
            await made(lambda _: "x").complete(request)
        assert (raised.value.code, raised.value.retryable) == ("unsupported_parameter", False)


async def test_fields_that_are_taken_arrive_and_the_key_is_in_no_text() -> None:
    got: list[Any] = []
    request = ModelRequest(
        "m", "p", 9, "k", 0.5, system="s", history=(Said("user", "a"),), api_key=SecretStr("sk-secret-1")
    )
    await made(lambda request: got.append(request) or "x", "system", "temperature", "history").complete(request)
    (asked,) = got
    assert isinstance(asked, GenerateRequest)
    assert (asked.system, asked.temperature, asked.history, asked.api_key) == (
        "s",
        0.5,
        (("user", "a"),),
        "sk-secret-1",
    )
    assert "sk-secret-1" not in repr(asked)
    error = await failure(
        raising(RuntimeError("bad key sk-secret-1")),
        request=ModelRequest("m", "p", 9, "k", api_key=SecretStr("sk-secret-1")),
    )
    assert "sk-secret-1" not in str(error)


async def test_an_empty_answer_is_paid_for_and_no_answer() -> None:
    answer = await made(lambda _: GenerateResponse("", 1, 50, "length")).complete(REQUEST)
    assert answer.problem is not None
    assert (answer.problem.code, answer.usage.output_tokens) == ("no_text", 50)


_TOOL = ToolSpec("t", "", {})
