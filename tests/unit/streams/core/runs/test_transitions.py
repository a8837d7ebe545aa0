"""The tables of states, and the pieces that decide by numbers alone: retries and entries."""

import msgspec
import pytest

from schemas.payload import Reference, inline
from schemas.records.base import ErrorInfo
from schemas.records.timers import Retry
from schemas.run_states import TERMINAL_RUN, TERMINAL_STEP, UNSUCCESSFUL_RUN, RunState, StepState
from schemas.spec.policy import Retries
from streams.core.runs.events.step_end import MAX_RETRY_AFTER_MS, may_retry, wait_ms
from streams.core.runs.nodes.signal import Signal
from streams.core.runs.nodes.wait import Wait
from streams.core.runs.plan.compile import compile_plan
from streams.core.runs.state import entries
from streams.core.runs.state.changes import open_run
from streams.core.runs.state.entries import Header, Progress, Step
from streams.core.runs.transitions import (
    RUN_MOVES,
    STEP_MOVES,
    ImpossibleMove,
    check_run_move,
    check_step_move,
)
from tests.support.runs import RUN, World, function, resolved, wait


def test_every_state_has_its_moves():
    assert set(RUN_MOVES) == set(RunState.__args__)
    assert set(STEP_MOVES) == set(StepState.__args__)
    assert {"succeeded", "failed", "canceled"} == TERMINAL_RUN
    assert {"succeeded", "failed", "canceled", "skipped"} == TERMINAL_STEP
    assert {"failed", "canceled"} == UNSUCCESSFUL_RUN


def test_terminal_states_are_those_that_no_move_leaves() -> None:
    assert {state for state, moves in RUN_MOVES.items() if not moves} == TERMINAL_RUN
    assert {state for state, moves in STEP_MOVES.items() if not moves} == TERMINAL_STEP


@pytest.mark.parametrize("state", sorted(TERMINAL_RUN))
def test_a_terminal_run_is_never_left(state):
    for other in RUN_MOVES:
        with pytest.raises(ImpossibleMove, match=f"from {state} to {other}"):
            check_run_move(state, other)


def test_an_illegal_step_move():
    check_step_move("waiting", "running")
    with pytest.raises(ImpossibleMove):
        check_step_move("succeeded", "canceled")


@pytest.mark.parametrize(
    ("retries", "attempt", "error", "expected"),
    [
        (Retries(max_attempts=2), 1, ErrorInfo(code="x", message="", retryable=True), True),
        (Retries(max_attempts=2), 2, ErrorInfo(code="x", message="", retryable=True), False),
        (Retries(), 1, ErrorInfo(code="x", message=""), False),
        (Retries(retry_on=["y"]), 1, ErrorInfo(code="x", message="", retryable=True), False),
        (Retries(retry_on=["y", "x"]), 1, ErrorInfo(code="x", message="", retryable=True), True),
        (Retries(retry_on=["x"]), 1, ErrorInfo(code="x", message=""), False),
    ],
)
def test_may_retry(retries, attempt, error, expected):
    assert may_retry(retries, attempt, error) is expected


def test_waits_grow_to_their_limit():
    plain = Retries(initial_ms=100, multiplier=3, max_ms=1000, jitter=0)
    assert [wait_ms(plain, "r", "s", n, None) for n in (1, 2, 3, 4, 99)] == [100, 300, 900, 1000, 1000]
    assert wait_ms(Retries(initial_ms=3_600_000, multiplier=100, max_ms=5, jitter=0), "r", "s", 100, None) == 5


def test_jitter_is_the_same_for_the_same_and_spread_for_others():
    retries = Retries(initial_ms=10_000, jitter=0.5)
    waits = [wait_ms(retries, f"run{i}", "s", 1, None) for i in range(200)]
    assert waits == [wait_ms(retries, f"run{i}", "s", 1, None) for i in range(200)]
    assert all(5_000 <= wait <= 10_000 for wait in waits)
    assert max(waits) - min(waits) > 4_000


def test_retry_after_is_obeyed_up_to_a_day():
    retries = Retries(initial_ms=100, jitter=0)
    assert wait_ms(retries, "r", "s", 1, 7_000) == 7_000
    assert wait_ms(retries, "r", "s", 1, 7) == 100
    assert wait_ms(retries, "r", "s", 1, 10**15) == MAX_RETRY_AFTER_MS


HEADER = Header("r", "o", "api", None, "b", "w", 1, "hash", {"a": "b"}, None, "full", 1, None, 1)
ERROR = ErrorInfo(code="c", message="m")
VALUES = [
    ("h", HEADER),
    ("in", {"text": "é", "list": [1, 2.5, None, {"deep": True}], "big": 2**63}),
    ("st", "running"),
    ("p", Progress(7, 1, 5, 6, 7, ErrorInfo(code="c", message="m", details={"a": "b"}), 1, 2)),
    ("s:a", Step("a", "succeeded", attempt=1, value=inline({"x": [1]}))),
    ("s:n", Step("n", "succeeded", attempt=1, value=inline(None))),
    ("s:m[3]", Step("m", "succeeded", index=3, stored=Reference(uri="file:///x", sha256="0", size=9, length=4))),
    ("s:m", Step("m", "running", total=4)),
    (
        "s:f",
        Step("f", "waiting", timer=Retry("f", 2), due_ms=1, unsettled=(1,), error=ErrorInfo(code="c", message="m")),
    ),
]


@pytest.mark.parametrize(("field", "value"), VALUES, ids=[field for field, _ in VALUES])
def test_entries_round_trip(field, value):
    data = entries.encode(field, value)
    assert entries.decode(field, data) == value
    assert entries.encode(field, entries.decode(field, data)) == data


def test_the_status_is_plain_text():
    assert entries.encode("st", "canceled") == b"canceled"
    with pytest.raises(msgspec.ValidationError):
        entries.decode("st", b"nonsense")


def test_an_older_entry_still_decodes():
    older = msgspec.msgpack.encode(["a", "running", None, None, 1])
    assert entries.decode("s:a", older) == Step("a", "running", attempt=1)


def test_an_entry_that_is_none_of_ours():
    with pytest.raises(KeyError):
        entries.decode("zz", b"")


def test_a_stored_plan_is_the_same_plan():
    world = World()
    world.submit(function("a"), function("b"), edges="a>b")
    spec_entity = next(entity for entity in world.state.entities() if entity.startswith("spec:"))
    plan = world.state.get(spec_entity, "spec")
    assert world.rules.decode(spec_entity, "spec", entries.encode("spec", plan)) == plan


def test_a_step_that_must_be_there_and_is_not_is_said_by_name():
    world = World()
    world.submit(function("a"))
    turn = open_run(world.state, RUN, 0, 0)
    assert turn is not None
    assert turn.recorded("a").state == "running"
    with pytest.raises(ImpossibleMove, match="'b' has no entry"):
        turn.recorded("b")


def test_a_node_that_a_rule_takes_for_another_kind_is_said_by_name():
    (node,) = compile_plan(resolved(wait("pause", 5))).nodes.values()
    assert node.data(Wait).duration_ms == 5
    with pytest.raises(ImpossibleMove, match="'pause' is of type wait, and a rule takes it for a Signal"):
        node.data(Signal)
