"""Offsets of steps that finish in any order, and records in and out."""

import json
from typing import Any, NamedTuple

import pytest
from agentflow.worker.over_kafka import KafkaQueue, Offsets, _answer, _read
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


class Broker:
    """A producer and a consumer without a partition: what is appended is kept."""

    def __init__(self) -> None:
        self.appended: list[bytes] = []

    async def send_and_wait(self, topic: str, value: bytes, key: bytes) -> None:
        assert (topic, key) == (RUN_EVENTS, b"r")
        self.appended.append(value)

    def assignment(self) -> set[Any]:
        return set()


class Given(NamedTuple):
    """A record of the queue's topic."""

    offset: int
    value: bytes


@pytest.mark.parametrize(("subject", "answers"), [("sub_" + "a" * 32, ["unsealed_outcome"]), ("", [])])
async def test_a_step_of_a_data_subject_is_refused_and_no_function_gets_it(subject: str, answers: list[str]) -> None:
    queue, broker = KafkaQueue("broker:1", "step-requests.o.q", "w"), Broker()
    queue._producer = queue._consumer = broker
    step = await queue._step("p", Given(3, json.dumps(request(subject=subject)).encode()))
    assert (step is None) == bool(subject)
    said = [decode(RUN_EVENTS, value) for value in broker.appended]
    assert [one.error.code for one in said if isinstance(one, StepFailed)] == answers
