"""Step 9: guards look at what the model answered."""

import pytest

from connectors.providers.base import ModelResponse
from schemas.errors import StepError
from services.calls.call import Answer, Call
from services.calls.ledger import Ledger
from services.calls.stages.guard_output import GuardOutput
from tests.support.calls import NOW_MS, USAGE, MovingClock, Next, WordGuard, call


class BrokenGuard(WordGuard):
    async def answer(self, call: Call, response: ModelResponse) -> ModelResponse:
        raise ConnectionError("no vault")


async def test_without_guards_the_answer_passes_as_it_is() -> None:
    answer = Answer(response=ModelResponse("as it is", USAGE))
    assert await GuardOutput((), MovingClock(NOW_MS))(call(), Next(answer)) is answer


async def test_each_guard_sees_what_the_one_before_it_let_pass() -> None:
    guards = [WordGuard([], "an answer", "a secret"), WordGuard([], "secret", "…")]
    answer = await GuardOutput(guards, MovingClock(NOW_MS))(call(), Next())
    assert (answer.response.text, answer.response.received, answer.blocked) == ("a …", {"text": "a …"}, None)


async def test_an_answer_that_is_stopped_is_returned_with_the_reason_since_it_was_paid_for() -> None:
    trail: list[str] = []
    guards = [WordGuard(trail, "answer", None), WordGuard(trail, "x", None)]
    answer = await GuardOutput(guards, MovingClock(NOW_MS))(call(), Next())
    assert answer.blocked is not None
    assert (answer.blocked.code, answer.response.usage, trail) == ("blocked", USAGE, ["guard answer"])


async def test_a_guard_that_fails_stops_the_answer() -> None:
    answer = await GuardOutput([BrokenGuard([], "", None)], MovingClock(NOW_MS))(call(), Next())
    assert answer.blocked is not None
    assert (answer.blocked.code, answer.blocked.retryable) == ("guard_failed", True)


async def test_a_failure_of_the_call_is_no_guards_business() -> None:
    trail: list[str] = []
    with pytest.raises(StepError, match="slow"):
        await GuardOutput([WordGuard(trail, "x", None)], MovingClock(NOW_MS))(
            call(), Next(StepError("timeout", "slow"))
        )
    assert trail == []


async def test_the_guards_that_looked_have_a_span() -> None:
    passed, stopped = Ledger(), Ledger()
    await GuardOutput([WordGuard([], "x", "y")], MovingClock(NOW_MS))(call(passed), Next())
    await GuardOutput([WordGuard([], "answer", None)], MovingClock(NOW_MS))(call(stopped), Next())
    (good,), (bad,) = passed.spans, stopped.spans
    assert (good.type, good.name, good.status) == ("guard", "guard output", "ok")
    assert (bad.status, bad.error_code) == ("error", "blocked")
