"""Step 2: guards look at what the model would be asked."""

import pytest

from schemas.errors import StepError
from services.calls.stages.guard_input import GuardInput
from tests.support.calls import Next, WordGuard, call


async def test_without_guards_the_call_passes_as_it_is() -> None:
    proceed, made = Next(), call()
    await GuardInput(())(made, proceed)
    assert proceed.call is made


async def test_each_guard_sees_what_the_one_before_it_let_pass() -> None:
    proceed = Next()
    guards = [WordGuard([], "x", "y"), WordGuard([], "Say y", "Say z")]
    await GuardInput(guards)(call(), proceed)
    assert proceed.call.content.prompt == "Say z"


async def test_a_question_that_is_stopped_goes_no_further() -> None:
    proceed, trail = Next(), []
    guards = [WordGuard(trail, "x", None), WordGuard(trail, "y", None)]
    with pytest.raises(StepError, match="may not pass"):
        await GuardInput(guards)(call(), proceed)
    assert (proceed.calls, trail) == ([], ["guard question"])
