"""What a follower of a run is told: every status, each step's newest state, nothing twice, nothing lost."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.live.cursor import Cursor, read_cursor
from api.live.live_views import _step
from api.live.run_story import Event, Story
from connectors.postgres.history.run_changes import RunChanges
from connectors.postgres.history.runs import RunLine, StoredStep
from schemas.errors import InvalidInput
from schemas.records.run_views import StepView
from schemas.run_states import StepState


def line(status: str, **changes: Any) -> RunLine:
    fields: dict[str, Any] = {
        "id": "r",
        "workflow_name": "flow",
        "workflow_version": 1,
        "status": status,
        "tags": {},
        "input_tokens": 0,
        "output_tokens": 0,
        "cost_nano": 0,
        "error": None,
        "compensating": False,
        "created_ms": 1,
        "started_ms": None if status == "queued" else 2,
        "finished_ms": 3 if status in ("succeeded", "failed", "canceled") else None,
    }
    return RunLine(**(fields | changes))


def stored(step_id: str, status: StepState, attempt: int = 1) -> StoredStep:
    return _step(StepView(step_id=step_id, node_id=step_id, kind="llm", state=status, attempt=attempt))


def told(events: list[Event]) -> list[tuple[str, str]]:
    """What a reader sees: statuses of the run, and steps with theirs."""
    data = [(event.name, json.loads(event.data)) for event in events if event.name]
    return [(name if name == "run" else found["id"], found["status"]) for name, found in data]


def test_a_late_reader_sees_every_status_and_each_step() -> None:
    story = Story(Cursor())
    changes = RunChanges(9, line("succeeded"), [(4, stored("a", "succeeded")), (9, stored("b", "succeeded"))])
    events = story.of_history(changes)
    assert told(events) == [
        ("run", "queued"),
        ("run", "running"),
        ("a", "succeeded"),
        ("b", "succeeded"),
        ("run", "succeeded"),
    ]
    assert [str(event.id) for event in events if event.id] == ["9.3"]
    assert events[-1].id is not None
    assert story.whole


def test_a_run_canceled_in_the_queue_never_ran() -> None:
    changes = RunChanges(5, line("canceled", started_ms=None), [])
    assert told(Story(Cursor()).of_history(changes)) == [("run", "queued"), ("run", "canceled")]


def test_the_bus_is_believed_but_vouches_for_nothing() -> None:
    story = Story(Cursor())
    story.of_history(RunChanges(1, line("running"), [(1, stored("a", "running"))]))
    early = story.of_bus(line("running"), [(3, stored("b", "running"))])
    assert told(early) == [("b", "running")]
    assert all(event.id is None for event in early)
    # The bus lost what happened to a with version 2; history has it, and does not tell b again.
    events = story.of_history(
        RunChanges(3, line("running"), [(2, stored("a", "succeeded")), (3, stored("b", "running"))])
    )
    assert told(events) == [("a", "succeeded")]
    assert story.cursor == Cursor(3, 2)


def test_an_older_state_is_not_told_after_a_newer_one() -> None:
    story = Story(Cursor())
    story.of_bus(line("running"), [(5, stored("a", "succeeded"))])
    assert told(story.of_bus(line("running"), [(4, stored("a", "running"))])) == []


def test_with_nothing_to_tell_the_id_still_moves() -> None:
    story = Story(Cursor())
    story.of_history(RunChanges(1, line("running"), []))
    story.of_bus(line("running"), [(2, stored("a", "running"))])
    (event,) = story.of_history(RunChanges(2, line("running"), [(2, stored("a", "running"))]))
    assert event.encode() == b"id: 2.2\n\n"
    assert story.of_history(RunChanges(2, line("running"), [(2, stored("a", "running"))])) == []


def test_a_reader_who_comes_back_is_told_what_changed_since() -> None:
    story = Story(read_cursor("4.2"))
    changes = RunChanges(9, line("failed"), [(9, stored("b", "failed"))])
    assert told(story.of_history(changes)) == [("b", "failed"), ("run", "failed")]
    again = Story(read_cursor("9.3"))
    events = again.of_history(changes)
    assert told(events) == [("b", "failed")]
    assert again.whole


def test_the_end_waits_for_the_last_step() -> None:
    story = Story(Cursor())
    story.of_history(RunChanges(5, line("canceled"), [(4, stored("a", "running"))]))
    assert story.ended
    assert not story.whole
    story.of_history(RunChanges(5, line("canceled"), [(5, stored("a", "canceled"))]))
    assert story.whole
    assert story.end().encode() == b'id: 5.3\nevent: end\ndata: {"status":"canceled"}\n\n'


@pytest.mark.parametrize("text", ["x", "1", "1.4", "-1.0", "1.1.1", "9" * 30 + ".1", "1.1\n"])
def test_an_id_that_is_not_ours_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        read_cursor(text)


@pytest.mark.parametrize("text", [None, ""])
def test_without_an_id_all_is_told(text: str | None) -> None:
    assert read_cursor(text) == Cursor(-1, 0)


#: How a run of three steps goes, one change a version.
_HISTORY = [
    ("running", [("a", "running")]),
    ("running", [("a", "waiting")]),
    ("running", [("a", "running")]),
    ("running", [("a", "succeeded"), ("b", "running"), ("c", "running")]),
    ("running", [("b", "succeeded")]),
    ("failed", [("c", "failed"), ("d", "canceled")]),
]


def at(version: int, since: int) -> RunChanges:
    """What history has at a version."""
    newest: dict[str, tuple[int, StoredStep]] = {}
    for number, (_, steps) in enumerate(_HISTORY[: version + 1]):
        for step_id, status in steps:
            newest[step_id] = number, stored(step_id, status)
    return RunChanges(version, line(_HISTORY[version][0]), [one for one in newest.values() if one[0] >= since])


@given(st.lists(st.sampled_from(["next", "lost", "look", "reconnect"]), max_size=30))
def test_whatever_is_lost_every_status_and_the_newest_states_are_told(acts: list[str]) -> None:
    story, version = Story(Cursor()), 0
    statuses: list[str] = []
    states: dict[str, str] = {}
    last_id = ""

    def tell(events: list[Event]) -> None:
        nonlocal last_id
        for event in events:
            last_id = str(event.id) if event.id is not None else last_id
        for what, status in told(events):
            if what == "run":
                statuses.append(status)
            else:
                states[what] = status

    for act in [*acts, *["next"] * len(_HISTORY), "look"]:
        if act in ("next", "lost") and version + 1 < len(_HISTORY):
            version += 1
            run, steps = _HISTORY[version]
            if act == "next":
                tell(story.of_bus(line(run), [(version, stored(*step)) for step in steps]))
        elif act == "look":
            tell(story.of_history(at(version, story.cursor.version)))
        elif act == "reconnect":
            story = Story(read_cursor(last_id or None))
            tell(story.of_history(at(version, story.cursor.version)))
    assert list(dict.fromkeys(statuses)) == ["queued", "running", "failed"]
    assert states == {"a": "succeeded", "b": "succeeded", "c": "failed", "d": "canceled"}
    assert story.whole
