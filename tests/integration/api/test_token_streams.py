"""Answers that are read while they come: over a real NATS, from a worker's listener to a client's stream."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from connectors.aio.clock import WallClock
from connectors.providers.base import ModelResponse
from connectors.providers.deltas import TextDelta
from deploy.local.engines import EngineStack
from schemas.records.run_views import RunView, StepView
from schemas.records.steps import FunctionCall, StepRequest
from services.calls.call import Answer, Call
from services.runs.attempts.watched import Watchers
from tests.support.api import unique
from tests.support.calls import USAGE, call
from tests.support.followed import DEADLINE_S, Followed, Stage, staged
from tests.support.polling import until_async

#: The aim is 50 ms on a machine that does nothing else.
FIRST_TOKEN_S = 0.5
WORDS = ["Four ", "score ", "and ", "seven ", "years ", "ago"]


@pytest.fixture(scope="module")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineStack]:
    """A NATS of the module's own, since a test kills it."""
    stack = EngineStack(tmp_path_factory.mktemp("nats"), {"nats"}, durable=False)
    stack.start()
    yield stack
    stack.stop()


@pytest.fixture
async def stage(dsn: str, redis_url: str, nats: EngineStack) -> AsyncIterator[Stage]:
    async with staged(dsn, redis_url, nats, nats.endpoints.nats_url) as found:
        yield found


class Model:
    """Says its words when it may."""

    def __init__(self) -> None:
        self.may = asyncio.Event()
        self.said_at = 0.0
        self.call: Call | None = None

    async def __call__(self, call: Call) -> Answer:
        self.call = call
        await self.may.wait()
        for word in WORDS if call.on_delta is not None else ():
            self.said_at = self.said_at or time.monotonic()
            assert call.on_delta is not None
            await call.on_delta(TextDelta(word))
        return Answer(response=ModelResponse("".join(WORDS), USAGE, "stop", {}, {}))


def request(stage: Stage, run: str) -> StepRequest:
    return StepRequest(
        run_id=run,
        org_id=stage.org,
        workflow_name="flow",
        workflow_version=1,
        step_id="a",
        node_id="a",
        attempt=1,
        tier="silver",
        requested_at_ms=1,
        work=FunctionCall(name="give"),
    )


def view(stage: Stage, run: str, version: int, state: str, status: str = "running") -> RunView:
    found = stage.view(run, version, status, a=state)
    output = {"kind": "inline", "value": "".join(WORDS)} if state == "succeeded" else None
    steps = [StepView(**{**_fields(one), "kind": "llm", "output": output}) for one in found.steps]
    return RunView(**{**_fields(found), "steps": steps})


def _fields(struct: object) -> dict[str, object]:
    return {name: getattr(struct, name) for name in struct.__struct_fields__}  # type: ignore[attr-defined]


def of(followed: Followed, name: str) -> list[dict[str, object]]:
    return [json.loads(one["data"]) for one in followed.events if one.get("event") == name]


async def reading(stage: Stage, watchers: Watchers, run: str) -> tuple[Followed, "asyncio.Task[None]"]:
    """Follow a run with its tokens; return when the worker has heard that somebody does."""
    followed, task = stage.follow(run, tokens=True)
    await until_async(lambda: bool(watchers.readers), DEADLINE_S, "the worker hears of the reader", tick_s=0.01)
    return followed, task


async def test_words_come_at_once_in_order_and_then_the_answer(stage: Stage) -> None:
    run, watchers, model = unique("run"), Watchers(stage.bus, WallClock()), Model()
    await stage.write(view(stage, run, 1, "running"))
    followed, task = await reading(stage, watchers, run)
    asking = asyncio.create_task(watchers.ask(request(stage, run), call(), model))
    model.may.set()
    await until_async(lambda: bool(of(followed, "token")), DEADLINE_S, "a token came", tick_s=0.001)
    assert time.monotonic() - model.said_at < FIRST_TOKEN_S
    await asking
    await stage.write(view(stage, run, 2, "succeeded", "succeeded"))
    await task
    tokens, outputs = of(followed, "token"), of(followed, "output")
    assert "".join(str(one["text"]) for one in tokens) == "".join(WORDS)
    assert [one["index"] for one in tokens] == list(range(len(tokens)))
    assert {(one["step_id"], one["attempt"]) for one in tokens} == {("a", 1)}
    assert [(one["id"], one["output"]) for one in outputs] == [("a", "".join(WORDS))]
    names = [one["event"] for one in followed.events if "event" in one]
    assert names.index("output") > names.index("token")
    assert names[-1] == "end"
    assert all("id" not in one for one in followed.events if one.get("event") in ("token", "output"))


async def test_follower_without_tokens_costs_no_stream(stage: Stage) -> None:
    run, watchers, model = unique("run"), Watchers(stage.bus, WallClock()), Model()
    await stage.write(view(stage, run, 1, "running"))
    followed, _ = stage.follow(run)
    await until_async(lambda: bool(followed.events), DEADLINE_S, "it is followed")
    model.may.set()
    await watchers.ask(request(stage, run), call(), model)
    assert model.call is not None
    assert model.call.on_delta is None
    assert of(followed, "token") == []


async def test_client_that_goes_away_ends_its_stream_and_the_call_continues(stage: Stage) -> None:
    run, watchers, model = unique("run"), Watchers(stage.bus, WallClock()), Model()
    await stage.write(view(stage, run, 1, "running"))
    _, task = await reading(stage, watchers, run)
    asking = asyncio.create_task(watchers.ask(request(stage, run), call(), model))
    task.cancel()
    await until_async(lambda: stage.open_streams == 0, DEADLINE_S, "the stream is closed")
    model.may.set()
    assert (await asking).response.text == "".join(WORDS)


async def test_without_nats_the_whole_answer_comes(stage: Stage, nats: EngineStack) -> None:
    run, watchers, model = unique("run"), Watchers(stage.bus, WallClock()), Model()
    await stage.write(view(stage, run, 1, "running"))
    followed, task = await reading(stage, watchers, run)
    asking = asyncio.create_task(watchers.ask(request(stage, run), call(), model))
    nats.engine("nats").kill()
    try:
        await until_async(lambda: not stage.bus.connected, DEADLINE_S, "the connection is lost")
        model.may.set()
        await asking
        await stage.write(view(stage, run, 2, "succeeded", "succeeded"))
        await task
    finally:
        nats.engine("nats").start()
    assert of(followed, "token") == []
    assert [one["output"] for one in of(followed, "output")] == ["".join(WORDS)]
    assert followed.ended


async def test_reader_of_a_run_that_has_ended_gets_its_answers(stage: Stage) -> None:
    run = unique("run")
    await stage.write(view(stage, run, 1, "succeeded", "succeeded"))
    followed, task = stage.follow(run, tokens=True)
    await task
    assert [one["output"] for one in of(followed, "output")] == ["".join(WORDS)]
