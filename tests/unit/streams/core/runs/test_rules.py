"""The table of rules: a row for every event in every situation, and each row is reached."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, get_args

import pytest

from schemas.payload import inline
from schemas.records.base import ErrorInfo
from schemas.records.run_events import (
    CallSettled,
    CancelRequested,
    ChildFinished,
    RunAdmitted,
    RunEvent,
    RunSubmitted,
    SignalReceived,
    StepDeferred,
    StepFailed,
    StepSucceeded,
    TimerFired,
)
from schemas.records.security.pinned import Question
from schemas.records.timers import Deadline, StepTimer
from schemas.spec.model import NodeKind
from streams.core.commands import Emit
from streams.core.runs.nodes import agent
from streams.core.runs.nodes.kinds import NODE_KINDS
from streams.core.runs.rules import RULES, SUBMITTED, SubmissionIs
from tests.support.families import family, flow, runs
from tests.support.runs import ORG, RUN, World, function, limited, resolved, signal, submitted
from tests.support.timers import timer

KIDS = family(flow("kid", function("k")))
ONE = function("a", {"timeout_ms": 1_000, "retries": {"max_attempts": 2}})


def test_every_event_of_a_run_has_its_rules() -> None:
    assert {*RULES, RunSubmitted} == set(get_args(RunEvent))


@pytest.mark.parametrize("event", RULES, ids=lambda event: event.__name__)
def test_every_situation_of_an_event_has_a_row(event: type) -> None:
    assert RULES[event].rows.keys() == set(get_args(RULES[event].situations))


def test_every_situation_of_a_submission_has_a_row() -> None:
    assert SUBMITTED.keys() == set(get_args(SubmissionIs))


def test_every_kind_of_node_has_a_row() -> None:
    assert NODE_KINDS.keys() == set(get_args(NodeKind))


def test_every_timer_of_a_step_is_some_kinds() -> None:
    rows = [*NODE_KINDS.values(), agent.PART]
    assert {timer_ for row in rows for timer_ in row.on_timer} == set(get_args(StepTimer))


def _outcome(kind: str, attempt: int = 1, step_id: str = "a", **fields: Any) -> RunEvent:
    said: dict[str, Any] = {"run_id": RUN, "org_id": ORG, "step_id": step_id, "attempt": attempt, **fields}
    said |= {"started_at_ms": 1, "finished_at_ms": 2, "worker_id": "w"}
    if kind == "succeeded":
        return StepSucceeded(output=inline(1), **said)
    return StepFailed(error=ErrorInfo(code="x", message="x", retryable=True), **said)


def _cancel() -> CancelRequested:
    return CancelRequested(run_id=RUN, org_id=ORG)


def _started() -> World:
    world = World()
    world.submit(ONE)
    return world


def _timed_out() -> World:
    world = _started()
    world.fire("timeout:a:1")
    return world


def _chained(kind: str) -> tuple[World, RunEvent]:
    return _started(), _outcome(kind, args_hash="of another output")


def _settled(kind: str) -> tuple[World, RunEvent]:
    world = _started()
    world.feed(_outcome("succeeded"))
    return world, _outcome(kind)


def _outcomes(kind: str) -> dict[str, Callable[[], tuple[World, RunEvent]]]:
    return {
        "never_asked": lambda: (_started(), _outcome(kind, step_id="z")),
        "open": lambda: (_started(), _outcome(kind)),
        "made_of_others": lambda: _chained(kind),
        "unsettled": lambda: (_timed_out(), _outcome(kind)),
        "settled": lambda: _settled(kind),
    }


def _given_back(deferral: int) -> tuple[World, RunEvent]:
    said = {"run_id": RUN, "org_id": ORG, "step_id": "a", "attempt": 1, "until_ms": 5, "reason": "quota"}
    return _started(), StepDeferred(**said, deferral=deferral)


def _fired(what: str) -> tuple[World, RunEvent]:
    world = World()
    world.feed(submitted(limited(ONE, deadline_ms=60_000)))
    named = Deadline() if what == "deadline" else timer(what)
    return world, TimerFired(run_id=RUN, org_id=ORG, timer=named, due_ms=world.now_ms)


def _turn(state: str) -> World:
    world = World()
    world.feed(submitted(resolved(ONE), turns=True))
    if state != "queued":
        world.feed(RunAdmitted(run_id=RUN, org_id=ORG, workflow_name="flow") if state == "running" else _cancel())
    return world


def _admitted(state: str) -> tuple[World, RunEvent]:
    return _turn(state), RunAdmitted(run_id=RUN, org_id=ORG, workflow_name="flow")


def _canceled(state: str) -> tuple[World, RunEvent]:
    return _turn(state), _cancel()


def _sent(signal_id: str, name: str = "go") -> SignalReceived:
    return SignalReceived(run_id=RUN, org_id=ORG, signal_id=signal_id, name=name, payload=inline("x" * 60_000))


def _signaled(
    name: str = "go", *, before: int = 0, over: bool = False, awaited: bool = False
) -> tuple[World, RunEvent]:
    world = World()
    world.submit(ONE, signal("s", "go"), edges="" if awaited else "a>s")
    for number in range(before):
        world.feed(_sent(f"s{number}"))
    if over:
        world.feed(_cancel())
    return world, _sent("s0" if before == 1 else "new", name)


def _answered() -> tuple[World, RunEvent]:
    asks = Question(rules=["r"], tool="t", args_hash="ab" * 32)
    said: dict[str, Any] = {"run_id": RUN, "org_id": ORG, "step_id": "a", "attempt": 1, "until_ms": 5, "reason": "asks"}
    world = _started()
    world.feed(StepDeferred(**said, asks=asks))
    yes = inline({"approve": True})
    return world, SignalReceived(run_id=RUN, org_id=ORG, signal_id="yes", name="approve/a", payload=yes)


def _kid(what: str) -> tuple[World, RunEvent]:
    world = World()
    world.feed(submitted(resolved(runs("a", "kid"), family=KIDS)))
    (kid,) = (one.record for one in world.last if isinstance(one, Emit) and isinstance(one.record, RunSubmitted))
    ended = ChildFinished(
        run_id=RUN,
        org_id=ORG,
        step_id="a",
        attempt=1,
        child_run_id="another" if what == "not_ours" else kid.run_id,
        status="succeeded",
        output=inline(1),
        cost_nano=1,
    )
    if what == "unsettled":
        world.feed(_cancel())
    if what == "settled":
        world.feed(ended)
    return world, ended


def _call_settled(step_id: str) -> tuple[World, RunEvent]:
    said = {"run_id": RUN, "org_id": ORG, "step_id": step_id, "call_id": f"{RUN}:{step_id}:1#1"}
    return _started(), CallSettled(**said, kind="presumed", amount_nano=1)


#: For each row an event that it is for, in a run that is in that situation.
REACHED: dict[tuple[type, str], Callable[[], tuple[World, RunEvent]]] = {
    **{(StepSucceeded, name): case for name, case in _outcomes("succeeded").items()},
    **{(StepFailed, name): case for name, case in _outcomes("failed").items()},
    (StepDeferred, "open"): lambda: _given_back(1),
    (StepDeferred, "not_open"): lambda: _given_back(2),
    (TimerFired, "deadline"): lambda: _fired("deadline"),
    (TimerFired, "armed"): lambda: _fired("timeout:a:1"),
    (TimerFired, "disarmed"): lambda: _fired("timeout:a:7"),
    **{(RunAdmitted, name): partial(_admitted, name) for name in ("queued", "running", "over")},
    **{(CancelRequested, name): partial(_canceled, name) for name in ("queued", "running", "over")},
    (SignalReceived, "awaited"): lambda: _signaled(awaited=True),
    (SignalReceived, "answer"): _answered,
    (SignalReceived, "early"): _signaled,
    (SignalReceived, "one_too_many"): lambda: _signaled(before=40),
    (SignalReceived, "repeated"): lambda: _signaled(before=1),
    (SignalReceived, "unknown"): lambda: _signaled("other"),
    (SignalReceived, "too_late"): lambda: _signaled(over=True),
    **{(ChildFinished, name): partial(_kid, name) for name in ("awaited", "unsettled", "settled", "not_ours")},
    (CallSettled, "of_step"): lambda: _call_settled("a"),
    (CallSettled, "of_run"): lambda: _call_settled("z"),
}


def test_a_case_is_known_for_each_row() -> None:
    assert REACHED.keys() == {(event, name) for event, rules in RULES.items() for name in rules.rows}


@pytest.mark.parametrize(("event", "name"), REACHED, ids=[f"{event.__name__}-{name}" for event, name in REACHED])
def test_a_row_is_reached_in_its_situation(event: type, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world, said = REACHED[event, name]()
    found: list[str] = []
    rules = RULES[event]

    def situation(turn: Any, event_: Any) -> str:
        found.append(rules.situation(turn, event_))
        return found[-1]

    monkeypatch.setitem(RULES, event, replace(rules, situation=situation))  # type: ignore[arg-type]
    world.feed(said)
    assert found == [name]
