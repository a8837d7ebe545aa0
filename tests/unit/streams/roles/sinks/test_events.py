"""The events role says each end and each wait for somebody, and nothing else; and says nothing of a run's content."""

import tracemalloc
from collections.abc import Sequence
from typing import Any

import jsonschema_rs
import orjson
import pytest

from connectors.ports.engine import InRecord, OutRecord
from schemas.errors import BadRecord, NewerMajor, Unavailable
from schemas.payload import inline
from schemas.records.base import ErrorInfo
from schemas.records.parents import Parent
from schemas.records.run_notices import RunWaiting
from schemas.records.run_views import RunView, StepView
from streams.roles.sinks.events import RunEvents
from topics.catalogue import RUN_VIEWS
from topics.codec import decode, encode
from topics.json_schemas import document

AT_MS = 1_795_632_621_373
SECRET = "the-patient-is-Ada"


class Log:
    """Keeps what is appended; ``down`` makes it fail."""

    def __init__(self) -> None:
        self.records: list[OutRecord] = []
        self.down = False

    async def append(self, records: Sequence[OutRecord]) -> None:
        if self.down:
            raise Unavailable("kafka", "no broker")
        self.records.extend(records)


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def events(log: Log) -> RunEvents:
    return RunEvents(log)  # type: ignore[arg-type]


def view(status: str = "running", **changes: Any) -> RunView:
    fields: dict[str, Any] = {
        "run_id": "r1",
        "org_id": "acme",
        "version": 7,
        "workflow_name": "flow",
        "workflow_version": 2,
        "status": status,
        "source": "api",
        "body_hash": "h",
        "spec_hash": "s",
        "submitted_at_ms": AT_MS,
        "trace_id": "t",
        "inputs": {"note": SECRET},
        "output": {"a": inline(SECRET)},
    }
    return RunView(**(fields | changes))


def step(waiting_for: str | None, **changes: Any) -> StepView:
    return StepView(step_id="ask", node_id="ask", kind="signal", state="waiting", waiting_for=waiting_for, **changes)


def items(*views: RunView) -> list[tuple[InRecord, Any]]:
    records = [InRecord(RUN_VIEWS, 0, n, AT_MS + 9, one.run_id.encode(), encode(one)) for n, one in enumerate(views)]
    return [(record, record) for record in records]


async def test_an_end_is_one_event_with_facts_and_no_content(events: RunEvents, log: Log) -> None:
    error = ErrorInfo(code="budget_exceeded", message=SECRET, step_id="sum")
    ended = view(
        "failed",
        error=error,
        cost_nano=2_853_000,
        finished_at_ms=AT_MS + 5,
        parent=Parent(run_id="p", step_id="s", attempt=1),
    )
    await events.write(items(ended))
    (record,) = log.records
    assert (record.topic, record.key) == ("workflow-events.acme", b"r1")
    assert record.value is not None
    assert SECRET.encode() not in record.value
    event = orjson.loads(record.value)
    assert jsonschema_rs.validator_for(document("RunFailed")).is_valid(event)
    assert event["id"] == "r1/failed"
    assert event["time"] == "2026-11-25T17:30:21.378Z" or event["time"].endswith(".378Z")
    assert event["data"]["error_code"] == "budget_exceeded"
    assert event["data"]["error_step"] == "sum"
    assert event["data"]["cost_usd"] == "0.002853"
    assert event["data"]["parent_run_id"] == "p"


@pytest.mark.parametrize("status", ["succeeded", "failed", "canceled"])
async def test_an_end_that_is_read_again_is_said_once(events: RunEvents, log: Log, status: str) -> None:
    await events.write(items(view(status), view(status, version=8, cost_nano=5)))
    await events.write(items(view(status, version=9)))
    assert [orjson.loads(record.value or b"")["type"] for record in log.records] == [f"run.{status}"]


async def test_waits_for_signals_and_people_are_said_by_step(events: RunEvents, log: Log) -> None:
    waits = [step("signal approval", waiting_until_ms=AT_MS), step("approval q-7 pay 'x' " + SECRET, attempt=2)]
    await events.write(items(view(steps=waits)))
    first, second = (decode(record.topic, record.value) for record in log.records)
    assert isinstance(first, RunWaiting)
    assert first.data["awaits"], first.data["name"] == ("signal", "approval")
    assert first.data["until"] is not None
    assert (second.data["awaits"], second.data["name"]) == ("approval", "q-7")
    assert all(SECRET.encode() not in (record.value or b"") for record in log.records)
    assert jsonschema_rs.validator_for(document("RunWaiting")).is_valid(orjson.loads(log.records[0].value or b""))


async def test_other_views_say_nothing(events: RunEvents, log: Log) -> None:
    await events.write(items(view("queued"), view(steps=[step("step a"), step(None)])))
    assert log.records == []


async def test_what_was_not_acknowledged_is_said_again(events: RunEvents, log: Log) -> None:
    log.down = True
    with pytest.raises(Unavailable):
        await events.write(items(view("succeeded")))
    log.down = False
    await events.write(items(view("succeeded")))
    assert len(log.records) == 1


async def test_damaged_and_newer_views_are_not_passed_over(events: RunEvents) -> None:
    bad = InRecord(RUN_VIEWS, 0, 0, AT_MS, b"r", b'{"type":"run.view","v":"1.0","status":"failed"}')
    with pytest.raises(BadRecord):
        await events.write([(bad, bad)])
    newer = InRecord(RUN_VIEWS, 0, 0, AT_MS, b"r", encode(view("failed")).replace(b'"v":"1.0"', b'"v":"2.0"'))
    with pytest.raises(NewerMajor):
        await events.write([(newer, newer)])


class Nowhere(Log):
    """Keeps nothing, so that what grows is the sink's."""

    async def append(self, records: Sequence[OutRecord]) -> None:
        """Forget."""


async def test_what_was_said_takes_no_memory_of_its_own() -> None:
    events = RunEvents(Nowhere())  # type: ignore[arg-type]
    await events.write(items(*(view("succeeded", run_id=f"first {number}") for number in range(100))))
    tracemalloc.start()
    try:
        for batch in range(40):
            await events.write(items(*(view("succeeded", run_id=f"run {batch} {number}") for number in range(50))))
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert grown < 64 * 1024
