"""Records become evidence: positions of groups, views in any order, and what is no record of ours."""

import struct

from connectors.ports.engine import InRecord
from schemas.ids import run_id
from schemas.payload import inline
from schemas.records.base import ErrorInfo, Record
from schemas.records.money import CallStarted
from schemas.records.run_events import StepFailed
from schemas.records.run_views import RunView, StepView
from tests.chaos.collect.clients import sample
from tests.chaos.collect.offsets import read_commit
from tests.chaos.collect.topics import OFFSETS, TopicsRead
from tests.chaos.records import Commit, Expected
from tests.support.cloudevents import binary, structured
from topics.catalogue import COST_EVENTS, RUN_EVENTS, RUN_VIEWS
from topics.codec import encode


def record(
    topic: str, value: bytes | None, *, key: bytes | None = b"k", offset: int = 0, at_ms: int = 7, headers=()
) -> InRecord:
    return InRecord(topic, 0, offset, at_ms, key, value, headers)


def take(*said: tuple[str, Record]) -> TopicsRead:
    read = TopicsRead()
    for offset, (topic, one) in enumerate(said):
        read.take(record(topic, encode(one), offset=offset))
    return read


def position(topic: str, offset: int, version: int = 1) -> InRecord:
    def text(value: str) -> bytes:
        return struct.pack(">h", len(value)) + value.encode()

    key = struct.pack(">h", version) + text("agentflow.worker") + text(topic) + struct.pack(">i", 3)
    return record(OFFSETS, struct.pack(">hq", 3, offset) + b"rest", key=key)


def test_position_of_a_worker_is_read() -> None:
    found = read_commit(position("step-requests.silver", 42))
    assert found == Commit(topic="step-requests.silver", partition=3, offset=42, at_ms=7)


def test_position_in_another_topic_and_other_records_are_left_out() -> None:
    assert read_commit(position("run-views", 42)) is None
    assert read_commit(position("step-requests.silver", 42, version=2)) is None
    assert read_commit(record(OFFSETS, None)) is None


def test_only_positions_that_rise_are_kept() -> None:
    read = TopicsRead()
    for offset in (5, 3, 5, 9):
        read.take(position("step-requests.silver", offset))
    assert [commit.offset for commit in read.commits] == [5, 9]


def view(version: int, status: str, output: str = "a", state: str = "succeeded") -> RunView:
    step = StepView(step_id="ask", node_id="ask", kind="llm", state=state, output=inline(output), cost_nano=version)
    return RunView(
        run_id="run",
        org_id="org",
        version=version,
        workflow_name="flow",
        workflow_version=1,
        status=status,
        source="api",
        body_hash="",
        spec_hash="",
        submitted_at_ms=1,
        trace_id="",
        steps=[step],
    )


def test_newest_view_of_a_run_stands_and_all_its_ends_and_results_are_kept() -> None:
    views = [view(1, "running", "a"), view(3, "failed", "b"), view(2, "succeeded", "c"), view(3, "failed", "b")]
    read = take(*((RUN_VIEWS, one) for one in views))
    seen = read.runs["run"]
    assert (seen.version, seen.status) == (3, "failed")
    assert seen.ends == {"failed": 3, "succeeded": 2}
    assert (seen.steps["ask"].version, seen.steps["ask"].cost) == (3, 3)
    assert sorted(seen.steps["ask"].outputs) == ["a", "b", "c"]
    assert {table: len(ids["run"]) for table, ids in read.rows.items()} == {"step_events": 3}


def test_event_keeps_its_place_and_what_it_cost() -> None:
    failed = StepFailed(
        run_id="run",
        org_id="org",
        step_id="ask",
        attempt=2,
        started_at_ms=1,
        finished_at_ms=2,
        cost_nano=5,
        call_ids=["run:ask:2@1#1"],
        error=ErrorInfo(code="timeout", message=""),
    )
    (event,) = take((RUN_EVENTS, failed)).events
    assert (event.kind, event.attempt, event.cost, event.calls, event.code) == (
        "failed",
        2,
        5,
        ["run:ask:2@1#1"],
        "timeout",
    )
    assert (event.offset, event.at_ms) == (0, 7)


def test_start_of_a_call_is_money_and_no_row() -> None:
    started = CallStarted(
        call_id="c",
        org_id="org",
        run_id="run",
        step_id="ask",
        workflow_name="flow",
        provider="local",
        model="local-echo",
        amount_nano=9,
        booked_at_ms=1,
        expires_at_ms=2,
        price_version="1",
    )
    read = take((COST_EVENTS, started))
    assert [(money.kind, money.amount) for money in read.money] == [("started", 9)]
    assert not read.rows


def test_submission_by_record_is_known_by_its_run() -> None:
    read = TopicsRead()
    for make in (structured, binary):
        message = make("org", "one", {}, "urn:here")
        read.take(record(message.topic, message.value, headers=message.headers))
    assert {posted.run for posted in read.posted} == {run_id("org", "urn:here", "one")}


def test_what_cannot_be_decoded_is_left_to_its_dead_letter() -> None:
    read = TopicsRead()
    read.take(record(RUN_EVENTS, b"no record"))
    read.take(record(f"{RUN_EVENTS}.dlq", b"no record", key=b"run", headers=(("af-reason", b"json"),)))
    assert read.events == []
    assert [(letter.key, letter.reason) for letter in read.dead_letters] == [("run", "json")]


def test_sample_has_runs_of_every_workflow() -> None:
    names = ["often"] * 90 + ["seldom"] * 2
    expected = {f"run{i}": Expected(workflow=name, org="org") for i, name in enumerate(names)}
    found = sample(expected, list(expected), most=10)
    assert {expected[run].workflow for run in found} == {"often", "seldom"}
    assert len(found) <= 10
