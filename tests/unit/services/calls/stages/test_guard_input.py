"""Step 2: guards look at what the model would be asked."""

import pytest

from schemas.errors import StepError
from services.calls.call import Call
from services.calls.ledger import Ledger
from services.calls.stages.guard_input import GuardInput
from tests.support.calls import NOW_MS, MovingClock, Next, WordGuard, call


async def test_without_guards_the_call_passes_as_it_is() -> None:
    proceed, made = Next(), call()
    await GuardInput((), MovingClock(NOW_MS))(made, proceed)
    assert proceed.call is made


async def test_each_guard_sees_what_the_one_before_it_let_pass() -> None:
    proceed = Next()
    guards = [WordGuard([], "x", "y"), WordGuard([], "Say y", "Say z")]
    await GuardInput(guards, MovingClock(NOW_MS))(call(), proceed)
    assert proceed.call.content.prompt == "Say z"


async def test_a_question_that_is_stopped_goes_no_further() -> None:
    proceed, trail = Next(), []
    guards = [WordGuard(trail, "x", None), WordGuard(trail, "y", None)]
    with pytest.raises(StepError, match="may not pass"):
        await GuardInput(guards, MovingClock(NOW_MS))(call(), proceed)
    assert (proceed.calls, trail) == ([], ["guard question"])


async def test_the_guards_that_looked_have_a_span() -> None:
    proceed, passed, stopped = Next(), Ledger(), Ledger()
    await GuardInput([WordGuard([], "x", "y")], MovingClock(NOW_MS))(call(passed), proceed)
    with pytest.raises(StepError, match="may not pass"):
        await GuardInput([WordGuard([], "x", None)], MovingClock(NOW_MS))(call(stopped), proceed)
    (good,), (bad,) = passed.spans, stopped.spans
    assert (good.type, good.status, good.error_code, bad.status, bad.error_code) == (
        "guard",
        "ok",
        "",
        "error",
        "blocked",
    )
    assert good.parent_span_id == call().trace.parent_span_id
    assert good.end_ns > good.start_ns


async def test_a_guard_that_breaks_is_no_guard_that_let_it_pass() -> None:
    class Broken(WordGuard):
        async def question(self, call: Call) -> Call:
            raise ConnectionError("no vault")

    ledger = Ledger()
    with pytest.raises(ConnectionError):
        await GuardInput([Broken([], "", None)], MovingClock(NOW_MS))(call(ledger), Next())
    assert (ledger.spans[0].status, ledger.spans[0].error_code) == ("error", "guard_failed")
