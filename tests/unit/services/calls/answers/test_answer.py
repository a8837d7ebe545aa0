"""The calls of tools that a turn requests, as they are recorded."""

import msgspec
import pytest

from connectors.providers.base import ModelResponse
from connectors.providers.conversation import Asked
from schemas.errors import StepError
from schemas.payload import INLINE_LIMIT
from schemas.records.base import Usage
from schemas.records.run_events import ToolUse
from services.calls.answers.answer import uses_of


def response(*asked: Asked) -> ModelResponse:
    return ModelResponse("", Usage(), "tool_calls", asked=asked)


def test_calls_are_recorded_with_their_arguments_or_with_what_is_wrong_with_them() -> None:
    found = uses_of(response(Asked("1", "read", {"key": "k"}), Asked("2", "read", {"key": float("nan")})))
    assert found[0] == ToolUse(id="1", name="read", args={"key": "k"})
    assert (found[1].args, found[1].problem.startswith("the arguments cannot be used")) == ({}, True)


def test_calls_that_fit_a_record_together_are_kept_and_larger_ones_fail_the_turn() -> None:
    room = INLINE_LIMIT - len(msgspec.json.encode([ToolUse(id="1", name="read", args={"key": ""})]))
    assert uses_of(response(Asked("1", "read", {"key": "x" * room})))
    with pytest.raises(StepError, match="over 64 KiB together") as caught:
        uses_of(response(Asked("1", "read", {"key": "x" * (room + 1)})))
    assert (caught.value.code, caught.value.retryable) == ("too_large", False)
