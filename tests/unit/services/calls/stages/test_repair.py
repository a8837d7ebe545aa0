"""An answer that breaks its schema is requested once more: one call of its own, and never more than one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.providers.base import ModelRequest, ModelResponse, OutputSchema
from connectors.providers.conversation import Said, Turn
from schemas.errors import StepError
from schemas.prompts.output_check import ASKED_AGAIN, InvalidOutput
from services.calls.call import Answer, Proceed, Stage
from services.calls.ledger import Ledger
from services.calls.pipeline import call_stages, compose
from services.calls.timeouts import Deferred
from tests.support.calls import Calls, Killed, actual_cost, call, estimate, killed_before, name_of

SCHEMA = OutputSchema({"type": "object", "required": ["n"]})
RIGHT = '{"n": 1}'


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    return Calls(tmp_path)


def answering(calls: Calls, *replies: str | Exception) -> None:
    """Let the provider answer with these, in order; the last one for ever."""
    complete, left = calls.provider.complete, list(replies)

    async def scripted(request: ModelRequest) -> ModelResponse:
        reply = left.pop(0) if len(left) > 1 else left[0]
        calls.provider.fail = reply if isinstance(reply, Exception) else None
        calls.provider.reply = reply if isinstance(reply, str) else ""
        return await complete(request)

    calls.provider.complete = scripted  # type: ignore[method-assign]


async def listened(_: object) -> None:
    """Take a piece of the answer."""


async def made(calls: Calls, ledger: Ledger, **changes: Any) -> Answer:
    fields = {"output_schema": SCHEMA, "repair": True} | changes
    return await calls.make()(call(ledger, **fields))


async def test_the_second_call_has_the_answer_and_what_is_wrong_and_money_of_its_own(calls: Calls) -> None:
    ledger = Ledger()
    answering(calls, "no", RIGHT)
    answer = await made(calls, ledger, batch="auto")
    assert answer.response.text == RIGHT
    first, second = calls.provider.asked
    assert (first.prompt, first.history) == ("Say x", ())
    assert second.history == (Said("user", "Say x"), Said("assistant", "no"))
    assert "JSON schema: $: it is not JSON" in second.prompt
    assert first.idempotency_key != second.idempotency_key
    assert len(calls.holds.held) == len(calls.started) == len(ledger.costs) == 2
    assert [cost.amount_nano for cost in ledger.costs] == [actual_cost()] * 2
    assert [(one.outcome, one.error_code, one.notes) for one in ledger.calls] == [
        ("ok", "invalid_output", []),
        ("ok", None, [ASKED_AGAIN]),
    ]
    assert ledger.spans[1].attributes["agentflow.try"] == {"kind": "repair", "why": "invalid_output"}
    assert len({span.span_id for span in ledger.spans}) == 2
    assert calls.spent(ledger.costs) == 2 * actual_cost()
    held = list(calls.holds.held.values())
    assert held[1].estimate_nano > held[0].estimate_nano, "it reads more"


async def test_a_second_answer_that_breaks_it_ends_the_call(calls: Calls) -> None:
    ledger = Ledger()
    answering(calls, "no")
    with pytest.raises(InvalidOutput) as caught:
        await made(calls, ledger)
    assert (len(calls.provider.asked), len(ledger.costs), caught.value.retryable) == (2, 2, False)
    assert "second answer" in caught.value.details["repair"]


@pytest.mark.parametrize(
    ("changes", "asked"),
    [({"repair": False}, 1), ({"on_delta": listened}, 1), ({}, 2)],
)
async def test_it_is_requested_again_only_where_that_helps(calls: Calls, changes: Any, asked: int) -> None:
    answering(calls, "no")
    with pytest.raises(StepError, match="does not follow"):
        await made(calls, Ledger(), **changes)
    assert len(calls.provider.asked) == asked


async def test_it_takes_what_is_left_of_the_time_and_of_the_cap(calls: Calls) -> None:
    complete = calls.provider.complete

    async def slow(request: ModelRequest) -> ModelResponse:
        calls.clock.ms += 20_000
        return await complete(request)

    calls.provider.complete = slow  # type: ignore[method-assign]
    answering(calls, "no", RIGHT)
    cap = 10 * estimate("Say x")
    await made(calls, Ledger(), cap_nano=cap)
    first, second = calls.provider.asked
    assert first.timeout_s - second.timeout_s == pytest.approx(20)
    held = list(calls.holds.held.values())
    assert [one.run_budget_nano for one in held] == [cap, cap - actual_cost()]


def _unavailable(_: Calls) -> StepError:
    return StepError("provider_unavailable", "down", retryable=True)


def _refused(_: Calls) -> StepError:
    return StepError("context_too_long", "too long")


@pytest.mark.parametrize(("fails", "retryable"), [(_unavailable, True), (_refused, False)])
async def test_without_a_second_answer_the_step_says_both(
    calls: Calls, fails: Callable[[Calls], StepError], retryable: bool
) -> None:
    ledger = Ledger()
    error = fails(calls)
    answering(calls, "no", error)
    with pytest.raises(InvalidOutput) as caught:
        await made(calls, ledger)
    assert caught.value.retryable == retryable
    assert error.code in caught.value.details["repair"]
    assert [cost.amount_nano for cost in ledger.costs] == [actual_cost(), 0]


async def test_no_money_for_a_second_call_neither_defers_nor_steps_down(calls: Calls) -> None:
    """The first call is paid for: its ledger must not be lost, and it must not be made again."""
    ledger = Ledger()
    answering(calls, "no")

    async def deferred(one: Any, proceed: Proceed) -> Answer:
        if one.trial.kind == "repair":
            raise Deferred(5.0, "budget daily")
        return await proceed(one)

    stages: list[Stage] = list(call_stages(calls.ports()))
    stages.insert([name_of(stage) for stage in stages].index("quota"), deferred)
    with pytest.raises(InvalidOutput) as caught:
        await compose(stages)(call(ledger, output_schema=SCHEMA, repair=True))
    assert (caught.value.retryable, caught.value.details["repair"]) == (True, "no second answer: budget daily")
    assert len(ledger.costs) == 1


async def test_a_run_that_ends_meanwhile_is_canceled(calls: Calls) -> None:
    answering(calls, "no", StepError("canceled", "the run has ended"))
    with pytest.raises(StepError) as caught:
        await made(calls, Ledger())
    assert caught.value.code == "canceled"


async def test_the_second_answer_is_what_the_cache_has(calls: Calls) -> None:
    answering(calls, "no", RIGHT)
    await made(calls, Ledger(), cache=True)
    answer = await made(calls, Ledger(), cache=True)
    assert (answer.cached, answer.response.text, len(calls.provider.asked)) == (True, RIGHT, 2)


async def test_an_answer_that_breaks_it_is_never_cached(calls: Calls) -> None:
    answering(calls, "no")
    with pytest.raises(InvalidOutput):
        await made(calls, Ledger(), cache=True, repair=False)
    assert calls.cache.answers == {}


async def test_after_turns_of_an_agent_the_prompt_says_what_was_wrong(calls: Calls) -> None:
    answering(calls, "no", RIGHT)
    turns = (Turn("looking", (), ()),)
    await made(calls, Ledger(), turns=turns)
    second = calls.provider.asked[1]
    assert (second.turns, second.history) == (turns, ())
    assert second.prompt.startswith("Say x\n\nYou answered before: no\n\nThat answer does not follow")


@pytest.mark.parametrize("step", ["quota", "hold", "announce", "invoke", "settle"])
async def test_a_death_in_the_second_call_leaves_the_money_of_both_right(calls: Calls, step: str) -> None:
    ledger = Ledger()
    answering(calls, "no", RIGHT)

    async def killed(one: Any, proceed: Proceed) -> Answer:
        if one.trial.kind != "repair":
            return await proceed(one)
        if step in ("invoke", "settle"):
            await proceed(one)
        return await killed_before(one, proceed)

    stages: list[Stage] = list(call_stages(calls.ports()))
    at = [name_of(stage) for stage in stages].index(step)
    stages.insert(at if step in ("invoke", "settle") else at + 1, killed)
    with pytest.raises(Killed):
        await compose(stages)(call(ledger, output_schema=SCHEMA, repair=True))
    held = [one.estimate_nano for one in calls.holds.held.values()]
    announced = len(calls.started)
    assert announced == (1 if step in ("quota", "hold") else 2)
    # The ledger died with the process: both are presumed as far as the log knows them, and each once.
    assert calls.spent() == sum(held[:announced])
    assert len({one.call_id for one in calls.started}) == announced
    # A worker that stores its ledger after all corrects what was presumed.
    known = [cost for cost in ledger.costs if cost.call_id in {one.call_id for one in calls.started}]
    assert calls.spent(known) <= calls.spent()
