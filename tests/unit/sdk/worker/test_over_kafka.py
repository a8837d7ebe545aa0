"""Offsets of steps that finish in any order, and records in and out."""

import json
from typing import Any

import pytest
from agentflow.worker.over_kafka import Offsets, _answer, _read
from agentflow.worker.steps import Failure, Outcome

from schemas.records.run_events import StepFailed, StepSucceeded
from schemas.records.steps import StepRequest, ToolCall
from topics.catalogue import RUN_EVENTS, lane
from topics.codec import decode, encode, parse


def test_an_offset_is_committed_when_every_one_before_it_is_finished() -> None:
    offsets = Offsets()
    for offset in (5, 6, 8):
        offsets.take("p", offset)
    assert offsets.span("p") == 4
    assert [offsets.finish("p", one) for one in (8, 5, 6)] == [5, 6, 9]
    assert offsets.span("p") == 0


def test_a_partition_that_left_is_not_committed() -> None:
    offsets = Offsets()
    offsets.take("p", 1)
    offsets.keep({"other"})
    assert offsets.finish("p", 1) is None


def request(**more: Any) -> dict[str, Any]:
    made = StepRequest(
        run_id="r",
        org_id="o",
        workflow_name="w",
        workflow_version=1,
        step_id="s",
        node_id="s",
        attempt=2,
        tier="gold",
        work=ToolCall(name="t", config={"a": 1}),
        args={"x": 1},
        requested_at_ms=1,
        timeout_ms=1_500,
        queue="o.q",
        **more,
    )
    found: dict[str, Any] = parse(encode(made))
    assert decode(lane("o.q"), encode(made)) == made
    return found


def test_a_request_is_read_as_the_orchestrator_writes_it() -> None:
    step = _read(request(), "handle")
    assert (step.kind, step.name, step.config, step.args) == ("tool", "t", {"a": 1}, {"x": 1})
    assert (step.attempt, step.timeout_s, step.idempotency_key) == (2, 1.5, "r:s")
    assert _read(request(idempotency="attempt"), None).idempotency_key == "r:s:2"


@pytest.mark.parametrize("bad", [{"v": "2.0"}, {"v": "1.0"}, []])
def test_what_is_no_request_of_this_version_is_refused(bad: Any) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        _read(bad, None)


def test_answers_are_records_of_the_log() -> None:
    said = decode(RUN_EVENTS, json.dumps(_answer(request(), Outcome({"n": 1}), "w", 5)).encode())
    assert isinstance(said, StepSucceeded)
    assert (said.run_id, said.step_id, said.attempt, said.output.value) == ("r", "s", 2, {"n": 1})  # type: ignore[union-attr]
    failure = Outcome(failure=Failure("gone", "no", retry_after_ms=7))
    failed = decode(RUN_EVENTS, json.dumps(_answer(request(retry_on=["gone"]), failure, "w", 5)).encode())
    assert isinstance(failed, StepFailed)
    assert (failed.error.code, failed.error.retryable, failed.error.retry_after_ms) == ("gone", True, 7)
