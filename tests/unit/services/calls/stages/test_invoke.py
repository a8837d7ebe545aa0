"""Step 8: the provider is asked, once."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from connectors.providers.base import ModelRequest, OutputSchema
from connectors.providers.conversation import Said, ToolSpec, Turn
from connectors.providers.images import ImageInput
from schemas.errors import StepError
from services.calls.call import Answer
from services.calls.stages.invoke import Invoke
from services.routing.router import Route
from tests.support.calls import Calls, Next, call

ROUTE = Route("local", "local-silver")


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    return Calls(tmp_path)


def stage(calls: Calls) -> Invoke:
    return Invoke({"local": calls.provider}, calls.aborts)


async def test_the_provider_is_asked_for_all_that_the_call_has(calls: Calls) -> None:
    tools, turns = (ToolSpec("t", "a tool", {}),), (Turn("so", (), ()),)
    pictures, proceed = (ImageInput("image/png", b"one"),), Next()
    more: dict[str, Any] = {
        "system": "Be brief.",
        "developer": "Never lie.",
        "history": (Said("user", "Hi"),),
        "tool_choice": "required",
        "output_schema": OutputSchema({"type": "object"}),
        "stop": ("END",),
        "seed": 7,
        "reasoning_effort": "low",
    }
    made = call(route=ROUTE, temperature=0.2, tools=tools, turns=turns, pictures=pictures, timeout_s=5.0, **more)
    began_s = time.perf_counter()
    answer = await stage(calls)(made, proceed)
    assert calls.provider.asked == [
        ModelRequest(
            model="local-silver",
            prompt="Say x",
            max_tokens=100,
            idempotency_key="run:step:1",
            temperature=0.2,
            timeout_s=6.0,
            tools=tools,
            turns=turns,
            pictures=pictures,
            attempt=1,
            trace_headers=made.trace.headers,
            **more,
        )
    ]
    assert answer.response.text == "an answer"
    assert began_s <= answer.at_s <= time.perf_counter()
    assert proceed.calls == [], "it is the last stage"


async def test_an_answer_that_takes_too_long_is_a_timeout_of_ours(calls: Calls) -> None:
    calls.provider.gate.clear()
    with pytest.raises(StepError, match=r"local/local-silver took longer than 0.01 s") as caught:
        await stage(calls)(call(route=ROUTE, timeout_s=0.01), Next())
    assert (caught.value.code, caught.value.retryable) == ("timeout", True)


async def test_a_call_is_broken_off_when_its_run_ends(calls: Calls) -> None:
    calls.provider.gate.clear()
    made: asyncio.Future[Answer] = asyncio.ensure_future(stage(calls)(call(route=ROUTE), Next()))
    await calls.provider.running.wait()
    calls.aborts.end("another run")
    await asyncio.sleep(0)
    assert not made.done()
    calls.aborts.end("run")
    with pytest.raises(StepError) as caught:
        await made
    assert (caught.value.code, caught.value.details["outcome"]) == ("canceled", "unknown")


async def test_a_call_of_a_run_that_has_ended_is_not_made(calls: Calls) -> None:
    calls.aborts.end("run")
    with pytest.raises(StepError) as caught:
        await stage(calls)(call(route=ROUTE), Next())
    assert (caught.value.code, caught.value.details, calls.provider.asked) == ("canceled", {}, [])


async def test_an_answer_that_cannot_be_used_is_returned_as_blocked_so_that_it_is_paid(calls: Calls) -> None:
    problem = StepError("no_text", "nothing was said")
    calls.provider.problem = problem
    answer = await stage(calls)(call(route=ROUTE), Next())
    assert answer.blocked is problem
