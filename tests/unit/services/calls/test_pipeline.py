"""The order of a call's stages, and that a death between any two leaves the money right."""

import asyncio
import importlib
import re
from pathlib import Path

import pytest

from schemas.errors import StepError
from schemas.limits.quotas import Ask, Made, Taken, Waiting
from services.calls import pipeline
from services.calls.call import Answer, Call, Origin, Stage, Trace
from services.calls.ledger import Ledger
from services.calls.pipeline import call_stages, compose
from streams.runtime.routing import to_out
from tests.support.calls import (
    FREE,
    LEASE_MS,
    NOW_MS,
    TTL_MS,
    Calls,
    Killed,
    WordGuard,
    actual_cost,
    call,
    estimate,
    killed_after,
    killed_before,
    name_of,
)
from topics.codec import decode

#: The steps in the order in which they act.
STEPS = (
    *("render", "guard_input", "cache", "route", "quota", "hold", "announce", "invoke", "guard_output"),
    *("check_output", "settle"),
)
#: Those that act on the way back.
ON_THE_WAY_BACK = frozenset({"invoke", "guard_output", "check_output", "settle"})
#: A crash loses nothing in these.
UNNUMBERED = {"policy", "step_down", "stop", "batch", "know_prices", "repair", "redact"}


class TrailQuotas:
    def __init__(self, trail: list[str]) -> None:
        self._trail = trail

    async def take(self, ask: Ask, patience_ms: float) -> Taken | Waiting | None:
        self._trail.append("quota")
        return Taken(ask, ())

    async def settle(self, taken: Taken, made: Made) -> None:
        self._trail.append("quota settled")


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    return Calls(tmp_path)


def dying_after(calls: Calls, step: str) -> list[Stage]:
    """Return the stages of a process that is killed when a step is done."""
    stages: list[Stage] = list(call_stages(calls.ports()))
    at = [name_of(stage) for stage in stages].index(step)
    if step in ON_THE_WAY_BACK:
        stages.insert(at, killed_after)
    else:
        stages.insert(at + 1, killed_before)
    return stages


async def test_stages_act_in_the_order_of_the_page(calls: Calls) -> None:
    guard = WordGuard(calls.trail, "answer", "reply")
    made = call(cache=True, prompt="")
    answer = await calls.make(quotas=TrailQuotas(calls.trail), guards=[guard])(made)
    assert calls.trail == [
        *("guard question", "route", "cache get", "quota", "hold", "announce"),
        *("invoke", "guard answer", "quota settled", "cache put"),
    ]
    assert calls.provider.asked[0].prompt == "Say x", "rendered first"
    (record,) = made.ledger.calls
    assert record.response is not None
    assert answer.response.text == "an reply"
    assert "reply" in str(record.response), "settled after the guards"


def test_each_stage_is_a_file_that_says_its_step(calls: Calls) -> None:
    assert {name_of(stage) for stage in call_stages(calls.ports())} == set(STEPS) | UNNUMBERED
    rows = re.findall(r"^ ?(\d+)  (\w+)", pipeline.__doc__ or "", re.MULTILINE)
    assert rows == [(str(number), name) for number, name in enumerate(STEPS, 1)]
    for number, name in enumerate(STEPS, 1):
        said = importlib.import_module(f"services.calls.stages.{name}").__doc__ or ""
        assert said.startswith(f"Step {number}: "), name


@pytest.mark.parametrize("step", STEPS)
async def test_a_death_after_any_step_leaves_the_money_right(calls: Calls, step: str) -> None:
    ledger = Ledger()
    with pytest.raises(Killed):
        await compose(dying_after(calls, step))(call(ledger))
    number = STEPS.index(step) + 1
    assert len(calls.holds.held) == (number >= 6)
    assert len(calls.started) == (number >= 7)
    assert len(calls.provider.asked) == (number >= 8)
    assert len(ledger.costs) == (number >= 11)
    # The ledger died with the process: a hold whose call is in the log is presumed, every other is only released.
    assert calls.spent() == (estimate("Say x") if number >= 7 else 0)


async def test_a_question_that_a_guard_stops_asks_and_costs_nothing(calls: Calls) -> None:
    ledger = Ledger()
    with pytest.raises(StepError, match="may not pass"):
        await calls.make(guards=[WordGuard(calls.trail, "Say", None)])(call(ledger, cache=True, prompt=""))
    assert (calls.trail, ledger.calls, ledger.costs) == (["guard question"], [], [])


async def test_an_answer_that_a_guard_blocks_is_paid_for_and_neither_read_nor_cached(calls: Calls) -> None:
    ledger = Ledger()
    with pytest.raises(StepError, match="may not pass"):
        await calls.make(guards=[WordGuard(calls.trail, "answer", None)])(call(ledger, cache=True))
    assert [(cost.kind, cost.amount_nano) for cost in ledger.costs] == [("actual", actual_cost())]
    assert calls.cache.answers == {}


async def test_a_ledger_that_was_stored_corrects_what_was_presumed(calls: Calls) -> None:
    ledger = Ledger()
    with pytest.raises(Killed):
        await compose(dying_after(calls, "settle"))(call(ledger))
    assert calls.spent(ledger.costs) == actual_cost() < estimate("Say x")


async def test_a_log_that_refuses_the_start_leaves_the_call_presumed_and_unmade(calls: Calls) -> None:
    """Its append may have arrived, so the hold is settled as for every unknown outcome."""
    calls.announce_fails, ledger = RuntimeError("the record is too large"), Ledger()
    with pytest.raises(RuntimeError):
        await calls.make()(call(ledger))
    assert calls.provider.asked == []
    assert [(cost.kind, cost.amount_nano) for cost in ledger.costs] == [("presumed", estimate("Say x"))]


async def test_a_call_that_costs_nothing_leaves_no_money_behind(calls: Calls) -> None:
    calls.prices, ledger = FREE, Ledger()
    await calls.make()(call(ledger))
    assert calls.trail == ["route", "invoke"]
    assert (len(ledger.calls), ledger.costs, calls.started) == (1, [], [])


async def test_a_hold_is_asserted_three_times_in_a_lease(calls: Calls) -> None:
    calls.provider.gate.clear()
    made = asyncio.ensure_future(calls.make()(call()))
    await calls.provider.running.wait()
    for _ in range(20):
        await asyncio.sleep(0)
    calls.provider.gate.set()
    await made
    assert calls.holds.reasserted[:2] == [NOW_MS + n * int(LEASE_MS / 3) + TTL_MS for n in (1, 2)]


async def test_a_call_of_no_run_is_held_announced_and_settled_in_records_that_can_be_read(calls: Calls) -> None:
    trace = Trace(trace_id="t" * 32, span_id="s" * 16)
    ledger, origin = Ledger(), Origin(request_id="req-1")
    await calls.make()(call(ledger, origin=origin, trace=trace, call_id="req-1#1", cancel_key="req-1"))
    records = [*calls.started, *ledger.calls, *ledger.costs]
    for out in map(to_out, records):
        assert decode(out.topic, out.value) in records
    assert {(record.run_id, record.step_id, record.call_id) for record in records} == {("", "", "req-1#1")}
    assert (ledger.calls[0].request_id, ledger.spans[0].parent_span_id) == ("req-1", None)
    assert calls.spent(ledger.costs) == actual_cost()


async def test_stages_without_an_answer_are_a_mistake_of_who_lists_them() -> None:
    async def passes(call: Call, proceed: pipeline.Proceed) -> Answer:
        return await proceed(call)

    with pytest.raises(LookupError, match="no stage has an answer"):
        await compose([passes])(call())
