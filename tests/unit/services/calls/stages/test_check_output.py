"""Step 10: an answer that breaks the schema of its call is none."""

from typing import Any

import pytest

from connectors.providers.base import ModelResponse, OutputSchema
from connectors.providers.conversation import Asked
from schemas.errors import StepError
from schemas.prompts.output_check import ASKED_AGAIN, REPAIRED
from services.calls.call import Answer, Trial
from services.calls.stages.check_output import CheckOutput
from tests.support.calls import USAGE, Next, call

SCHEMA = OutputSchema({"type": "object", "required": ["n"]})


async def checked(text: str, answer: dict[str, Any] | None = None, **changes: Any) -> Answer:
    response = ModelResponse(text, USAGE, "stop", {}, {"text": text}, notes=("before",))
    return await CheckOutput()(call(**changes), Next(Answer(response=response, **(answer or {}))))


async def test_an_answer_that_breaks_its_schema_is_blocked_with_what_was_received() -> None:
    answer = await checked("no", output_schema=SCHEMA)
    assert answer.blocked is answer.response.problem is not None
    assert answer.blocked.code == "invalid_output"
    assert answer.response.received == {"text": "no"}


async def test_one_that_was_read_leniently_says_so() -> None:
    answer = await checked("{'n': 1}", output_schema=SCHEMA, repair=True)
    assert (answer.response.text, answer.response.notes) == ('{"n":1}', ("before", REPAIRED))
    long = await checked(f"{{'n': '{'x' * 5_000}'}}", output_schema=SCHEMA, repair=True)
    assert long.response.notes == ("before", REPAIRED)


async def test_the_answer_of_a_second_call_says_so() -> None:
    answer = await checked('{"n": 1}', output_schema=SCHEMA, trial=Trial(kind="repair"))
    assert answer.response.notes == ("before", ASKED_AGAIN)


@pytest.mark.parametrize("changes", [{}, {"output_schema": None, "repair": True}])
async def test_a_call_without_a_schema_is_not_checked(changes: dict[str, Any]) -> None:
    assert (await checked("no", **changes)).blocked is None


async def test_a_turn_that_requests_tools_has_not_answered_yet() -> None:
    response = ModelResponse("", USAGE, "tool_calls", asked=(Asked("1", "read"),))
    answer = await CheckOutput()(call(output_schema=SCHEMA), Next(Answer(response=response)))
    assert answer.blocked is None


async def test_what_a_guard_blocked_stays_blocked_by_it() -> None:
    blocked = StepError("blocked", "may not pass")
    assert (await checked("no", {"blocked": blocked}, output_schema=SCHEMA)).blocked is blocked
