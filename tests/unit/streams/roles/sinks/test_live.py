"""The live role says what is watched and which calls are to end, and nothing else."""

from typing import Any

import msgspec
import pytest

from connectors.memory.engine import ManualClock
from connectors.ports.engine import InRecord
from connectors.ports.pubsub import WATCH_S, cancel_subject, run_subject, watch_subject
from schemas.payload import inline
from schemas.records.run_views import RunView, StepView
from streams.roles.sinks.live import STALE_MS, Live
from tests.support.bus import MemoryBus
from topics.catalogue import RUN_VIEWS
from topics.codec import encode


@pytest.fixture
def clock() -> ManualClock:
    clock = ManualClock()
    clock.ms = 1_000_000
    return clock


@pytest.fixture
def bus() -> MemoryBus:
    return MemoryBus()


@pytest.fixture
def live(bus: MemoryBus, clock: ManualClock) -> Live:
    return Live(bus, clock)


def view(status: str = "running", **changes: Any) -> RunView:
    fields: dict[str, Any] = {
        "run_id": "r1",
        "org_id": "o1",
        "version": 7,
        "workflow_name": "flow",
        "workflow_version": 1,
        "status": status,
        "source": "api",
        "body_hash": "h",
        "spec_hash": "s",
        "submitted_at_ms": 1,
        "trace_id": "t",
    }
    return RunView(**(fields | changes))


def step(state: str, **changes: Any) -> StepView:
    return StepView(step_id="a", node_id="a", kind="llm", state=state, **changes)


def record(clock: ManualClock, one: RunView, age_ms: int = 0) -> tuple[InRecord, Any]:
    found = InRecord(RUN_VIEWS, 0, one.version, clock.now_ms() - age_ms, one.run_id.encode(), encode(one))
    return found, found


async def test_only_what_is_watched_is_said_and_only_as_long(live: Live, bus: MemoryBus, clock: ManualClock) -> None:
    await live.write([record(clock, view())])
    assert bus.said == []
    bus.publish(watch_subject("o1", "r1"), b"r1")
    await live.write([record(clock, view()), record(clock, view(run_id="r2"))])
    assert len(bus.of("agentflow.runs.")) == 1
    clock.ms += int(WATCH_S * 1000)
    await live.write([record(clock, view())])
    assert len(bus.of("agentflow.runs.")) == 1


async def test_a_change_travels_without_values(live: Live, bus: MemoryBus, clock: ManualClock) -> None:
    bus.publish(watch_subject("o1", "r1"), b"r1")
    full = view(inputs={"a": 1}, steps=[step("succeeded", attempt=1, output=inline("x" * 1000))])
    await live.write([record(clock, full)])
    (data,) = bus.of(run_subject("o1", "r1"))
    said = msgspec.json.decode(data, type=RunView)
    assert (said.version, said.inputs, said.steps) == (7, None, [step("succeeded", attempt=1)])


@pytest.mark.parametrize("status", ["failed", "canceled"])
async def test_a_run_that_ended_with_calls_in_flight_is_said(
    live: Live, bus: MemoryBus, clock: ManualClock, status: str
) -> None:
    await live.write([record(clock, view(status, steps=[step("canceled", attempt=1)]))])
    assert bus.of(cancel_subject("o1")) == [b"r1"]


@pytest.mark.parametrize(
    "one",
    [
        view("failed", steps=[step("failed", attempt=1)]),
        view("canceled", steps=[step("canceled", attempt=0)]),
        view("succeeded", steps=[step("succeeded", attempt=1)]),
        view("running", tags={"x": '"status":"failed"'}, steps=[step("canceled", attempt=1)]),
    ],
)
async def test_a_run_without_calls_in_flight_is_not(
    live: Live, bus: MemoryBus, clock: ManualClock, one: RunView
) -> None:
    await live.write([record(clock, one)])
    assert bus.said == []


async def test_what_is_late_or_has_no_bus_is_left_out(live: Live, bus: MemoryBus, clock: ManualClock) -> None:
    ended = view("canceled", steps=[step("canceled", attempt=1)])
    await live.write([record(clock, ended, age_ms=STALE_MS + 1)])
    bus.connected = False
    await live.write([record(clock, ended)])
    assert bus.said == []


async def test_what_cannot_be_read_is_left_to_history(live: Live, bus: MemoryBus, clock: ManualClock) -> None:
    bad = InRecord(RUN_VIEWS, 0, 1, clock.now_ms(), b"r1", b'{"status":"failed"')
    await live.write([(bad, bad), record(clock, view("failed", steps=[step("canceled", attempt=1)]))])
    assert bus.of(cancel_subject("o1")) == [b"r1"]


async def test_the_watched_are_bounded(live: Live, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.roles.sinks.live.MAX_WATCHED", 10)
    for n in range(50):
        live._watch("", f"r{n}".encode())
        clock.ms += 2_000
    assert len(live._watched) <= 11
