"""Turns of agents at a worker, on a real Redis: what the model is shown, what is recorded of what it asks for."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from connectors.providers.conversation import Asked, Turn
from connectors.tools.registry import Registry
from schemas.payload import Reference, inline
from schemas.records.base import ErrorInfo
from schemas.records.run_events import StepFailed, StepSucceeded, ToolUse
from schemas.records.steps import AgentTurn, ToolCall, ToolResult, TurnBefore
from services.calls.transcript import MAX_STORED
from tests.support.worker import Bench, llm

REGISTRY = Registry()


@REGISTRY.tool("desk.note")
async def note(*, text: str, times: int = 1) -> str:
    """Note a text."""
    return text * times


@pytest.fixture
async def bench(redis_url: str, tmp_path: Path) -> AsyncIterator[Bench]:
    redis = Redis.from_url(redis_url)
    bench = Bench(redis, tmp_path, registry=REGISTRY)
    await bench.open_budgets()
    yield bench
    await bench.close()
    await redis.aclose()


async def outcome(bench: Bench, before: list[TurnBefore] | None = None, **changes: Any) -> Any:
    work = AgentTurn(call=llm(), tools=["desk.note"], before=before or [])
    await bench.ask(bench.request(work, args={"word": "x"}, step_id="bot/turn-1", **changes))
    pump = bench.worker()
    await pump.start()
    await bench.idle(pump)
    (result,) = bench.results()
    return result


async def test_what_a_model_asks_for_is_recorded_beside_what_it_said(bench: Bench) -> None:
    calls = (Asked("c1", "desk.note", {"text": "a"}), Asked("c2", "rm", problem="no object"))
    bench.provider.asks = lambda _: calls
    result = await outcome(bench)
    assert isinstance(result, StepSucceeded)
    assert result.tool_calls == [
        ToolUse(id="c1", name="desk.note", args={"text": "a"}),
        ToolUse(id="c2", name="rm", problem="no object"),
    ]
    assert result.output == inline(
        {
            "text": "answer to Say x",
            "tool_calls": [
                {"id": "c1", "name": "desk.note", "args": {"text": "a"}},
                {"id": "c2", "name": "rm", "args": {}},
            ],
        }
    )
    assert result.cost_nano == bench.calls()[0].cost_nano > 0
    (span, call) = bench.spans()[0].spans
    assert (span.name, span.attributes["agentflow.prompt.ref"], call.name) == (
        *("attempt step", "ask@1"),
        "chat local-silver",
    )
    [tool] = bench.provider.asked[0].tools
    assert (tool.name, tool.summary, set(tool.parameters["properties"])) == (
        *("desk.note", "Note a text."),
        {"text", "times"},
    )


async def test_an_answer_ends_the_loop(bench: Bench) -> None:
    bench.provider.reply = lambda _: '{"found": 1}'
    result = await outcome(bench)
    assert (result.output, result.tool_calls) == (inline({"found": 1}), [])


async def test_the_model_is_shown_what_was_said_and_what_came_of_it(bench: Bench) -> None:
    stored = await bench.objects.to_payload(bench.org, "y" * 70_000)
    assert isinstance(stored, Reference)
    calls = [{"id": f"c{n}", "name": "desk.note", "args": {"n": n}} for n in range(3)]
    said = inline({"text": "so", "tool_calls": calls})
    error = ErrorInfo(code="boom", message="it broke")
    results = [ToolResult(output=inline({"a": 1})), ToolResult(output=stored), ToolResult(error=error)]
    await outcome(bench, [TurnBefore(said=said, results=results)])
    asked = tuple(Asked(f"c{n}", "desk.note", {"n": n}) for n in range(3))
    shown = ('{"a":1}', "y" * 70_000, '{"error":{"code":"boom","message":"it broke"}}')
    assert bench.provider.asked[0].turns == (Turn("so", asked, shown),)
    # What is shown is part of the estimate.
    assert bench.calls()[0].cost_nano > 0


async def test_a_cap_counts_all_that_the_model_is_shown(bench: Bench) -> None:
    said = inline({"text": "long " * 2_000, "tool_calls": []})
    result = await outcome(bench, [TurnBefore(said=said)], run_budget_nano=1_000_000)
    assert isinstance(result, StepFailed)
    assert (result.error.code, bench.provider.asked) == ("run_budget_exceeded", [])


@pytest.mark.parametrize(("tools", "code"), [(["nobody"], "unknown_tool")])
async def test_a_tool_that_the_worker_has_not(bench: Bench, tools: list[str], code: str) -> None:
    work = AgentTurn(call=llm(), tools=tools)
    await bench.ask(bench.request(work, args={"word": "x"}))
    pump = bench.worker()
    await pump.start()
    await bench.idle(pump)
    (result,) = bench.results()
    assert result.error.code == code
    assert bench.provider.asked == []


async def test_calls_that_no_record_takes_fail_the_turn_and_are_paid(bench: Bench) -> None:
    bench.provider.asks = lambda _: (Asked("c1", "desk.note", {"text": "z" * 70_000}),)
    result = await outcome(bench)
    assert (result.error.code, result.error.retryable) == ("too_large", False)
    assert result.cost_nano > 0


async def test_what_a_call_gives_is_stored_sooner_when_its_request_says_so(bench: Bench) -> None:
    call = ToolCall(name="desk.note")
    args = {"text": "x" * 5_000}
    await bench.ask(bench.request(call, args=args, step_id="bot/turn-1/desk.note[0]", inline_most=4_096))
    await bench.ask(bench.request(call, args=args, step_id="bot/turn-1/desk.note[1]"))
    pump = bench.worker()
    await pump.start()
    await bench.idle(pump)
    outputs = {result.step_id[-3:]: result.output for result in bench.results()}
    assert isinstance(outputs["[0]"], Reference)
    assert outputs["[1]"] == inline("x" * 5_000)


async def test_a_turn_that_asks_for_calls_is_stored_sooner_and_an_answer_is_not(bench: Bench) -> None:
    bench.provider.reply = lambda _: "x" * 5_000
    answer = await outcome(bench, inline_most=4_096)
    assert answer.output == inline("x" * 5_000)
    bench.provider.asks = lambda _: (Asked("c1", "desk.note", {"text": "a"}),)
    await bench.ask(bench.request(AgentTurn(call=llm(), tools=["desk.note"]), args={"word": "x"}, inline_most=4_096))
    results = await bench.finished(2)
    said = next(result for result in results if result.tool_calls)
    assert isinstance(said.output, Reference)
    assert (await bench.objects.resolve(bench.org, said.output))["tool_calls"][0]["id"] == "c1"


async def test_a_transcript_has_an_end(bench: Bench) -> None:
    far = Reference(uri=f"objects:///{bench.org}/" + "0" * 64, sha256="0" * 64, size=MAX_STORED // 2 + 1)
    said = inline({"text": "", "tool_calls": [{"id": c, "name": "desk.note", "args": {}} for c in "ab"]})
    before = [TurnBefore(said=said, results=[ToolResult(output=far), ToolResult(output=far)])]
    result = await outcome(bench, before)
    assert isinstance(result, StepFailed)
    assert (result.error.code, result.error.retryable, result.cost_nano) == ("too_large", False, 0)
    assert f"the most is {MAX_STORED}" in result.error.message
