"""Prompts in chat form on a worker with a real Redis: what the provider is asked, and the repair of an answer."""

import asyncio
from typing import Any

import msgspec

from connectors.providers.base import ModelRequest
from connectors.providers.conversation import Said
from schemas.payload import Inline
from schemas.records.run_events import StepFailed, StepSucceeded
from schemas.records.steps import LlmCall, StepRequest, TemplateForm
from tests.support.worker import Bench, llm, until

FORM = {
    "messages": [
        {"role": "system", "template": "{{> head@1 who=name}}"},
        {"role": "user", "template": "Hi"},
        {"role": "assistant", "template": "Ho"},
        {"role": "user", "template": "Say {{word}}"},
    ],
    "refs": {"head@1": "head@1"},
    "parts": {"head@1": {"template": "You talk to {{who}}."}},
    "input_schema": {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]},
    "repair": True,
}
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
ARGS = {"word": "{{x}}", "name": "Ann"}


def chat(**changes: Any) -> LlmCall:
    fields = {"form": msgspec.convert(FORM, TemplateForm), "output_schema": SCHEMA, "max_tokens": 64} | changes
    return llm("", **fields)


async def outcome(bench: Bench, request: StepRequest) -> Any:
    await bench.ask(request)
    pump = bench.worker()
    await pump.start()
    await bench.idle(pump)
    (result,) = bench.results()
    return result


def answering(bench: Bench, *replies: str) -> None:
    left = list(replies)
    bench.provider.reply = lambda _: left.pop(0) if len(left) > 1 else left[0]


async def test_a_chat_with_a_part_is_asked_as_messages_and_its_answer_is_a_value(bench: Bench) -> None:
    answering(bench, '{"n": 1}')
    result = await outcome(bench, bench.request(chat(), args=ARGS))
    assert isinstance(result, StepSucceeded)
    assert result.output == Inline(value={"n": 1})
    (asked,) = bench.provider.asked
    assert (asked.system, asked.prompt, asked.max_tokens) == ("You talk to Ann.", "Say {{x}}", 64)
    assert asked.history == (Said("user", "Hi"), Said("assistant", "Ho"))


async def test_a_value_that_the_prompt_refuses_asks_nobody(bench: Bench) -> None:
    result = await outcome(bench, bench.request(chat(), args={"word": 1, "name": "Ann"}))
    assert isinstance(result, StepFailed)
    assert (result.error.code, result.error.retryable) == ("invalid_prompt_input", False)
    assert "$.word" in result.error.message
    assert (bench.provider.asked, bench.costs()) == ([], [])


async def test_a_repair_is_a_call_with_money_of_its_own(bench: Bench) -> None:
    answering(bench, "no", '{"n": 2}')
    result = await outcome(bench, bench.request(chat(), args=ARGS))
    assert isinstance(result, StepSucceeded)
    assert (result.output, len(result.call_ids)) == (Inline(value={"n": 2}), 2)
    settled = {cost.call_id: cost for cost in bench.costs()}
    assert len(bench.costs()) == len(settled) == len(bench.started()) == 2
    assert sum(cost.amount_nano for cost in settled.values()) == result.cost_nano > 0
    assert [one.notes for one in bench.calls()] == [[], ["output:asked_again"]]


async def test_retry_on_makes_an_answer_that_breaks_its_schema_worth_a_retry(bench: Bench) -> None:
    answering(bench, "no")
    result = await outcome(bench, bench.request(chat(), args=ARGS, retry_on=["invalid_output"]))
    assert isinstance(result, StepFailed)
    assert (result.error.code, result.error.retryable) == ("invalid_output", True)
    assert len(bench.costs()) == 2


async def test_a_worker_that_dies_in_a_repair_settles_each_call_once(bench: Bench) -> None:
    second = asyncio.Event()
    complete = bench.provider.complete

    async def hangs_once(request: ModelRequest) -> object:
        if len(request.history) > 2 and not second.is_set():
            second.set()
            await asyncio.Event().wait()
        return await complete(request)

    bench.provider.complete = hangs_once  # type: ignore[method-assign, assignment]
    bench.provider.reply = lambda request: '{"n": 3}' if len(request.history) > 2 else "no"
    request = bench.request(chat(), args=ARGS)
    await bench.ask(request)
    first = bench.worker("w1")
    await first.start()
    await second.wait()
    # Its ledger is lost with it, as after a kill -9.
    await first.stop(0.0)
    assert bench.costs() == []
    other = bench.worker("w2")
    await other.start()
    await until(lambda: any(isinstance(one, StepSucceeded) for one in bench.results()))
    await bench.idle(other)
    (result,) = (one for one in bench.results() if isinstance(one, StepSucceeded))
    assert result.output == Inline(value={"n": 3})
    settled = [cost.call_id for cost in bench.costs()]
    started = [one.call_id for one in bench.started()]
    assert len(settled) == len(set(settled)) == 2
    # Those of the dead worker are in the log, so their holds become presumed settlements when they end.
    assert len(started) == len(set(started)) == 4
    assert set(settled) == set(result.call_ids) < set(started)


async def test_equal_calls_without_a_cache_at_once_are_made_one_by_one(bench: Bench) -> None:
    """So are the repeats of an evaluation: no flight joins them."""
    answering(bench, '{"n": 1}')
    bench.provider.gate.clear()
    requests = [bench.request(chat(), args=ARGS) for _ in range(3)]
    await bench.ask(*requests)
    pump = bench.worker()
    await pump.start()
    await until(lambda: bench.provider.running == 3)
    bench.provider.gate.set()
    await bench.idle(pump)
    assert len(bench.provider.asked) == len(bench.costs()) == 3
    assert len(set(bench.provider.calls)) == 3, "each has an idempotency key of its own"
