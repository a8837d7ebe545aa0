"""Why a run waits at a gate, in words."""

from msgspec.structs import replace

from connectors.redis.readers.flow import gate_of, room_at_gate, why_at_gate
from schemas.tables.flow import FlowEnd, FlowKey, FlowRun
from tests.support.flow import concurrency, debounce, rate

RUN = FlowRun("acme", "sync", "", limited=False, version=1, gates=(), asked_ms=0, since=0, number=7)


def why(gate, key, **changes):
    run = replace(RUN, gates=(gate,), **changes)
    found = gate_of(run)
    assert found is not None
    return why_at_gate(run, found, key)


def test_a_key_says_how_many_hold_it_and_how_many_are_before():
    wait = why(concurrency(limit=2), FlowKey(limit=2, held=2, head=4))
    assert (wait.kind, wait.on) == ("concurrency", "key inputs.k")
    assert wait.detail == "concurrency key inputs.k: 2 of 2 runs hold it; at most 3 runs are before it"
    assert why(concurrency(rule=""), FlowKey(limit=1, held=1, head=7)).on == "workflow sync"


def test_a_rate_says_when_it_has_room_again():
    wait = why(rate(limit=3), FlowKey(kind="rate", limit=3, per_ms=1_000, first=5, last=8, head=7, due_ms=99))
    assert (wait.kind, wait.until_ms) == ("rate", 99)
    assert wait.detail == "rate key inputs.k: 3 of 3 runs have started within 1000 ms; it is the first"


def test_a_debounce_says_until_when_another_may_come():
    wait = why(debounce(), FlowKey(kind="debounce", due_ms=42, members=("r",)))
    assert (wait.kind, wait.until_ms) == ("debounce", 42)
    assert "no other run of the key is submitted for 1000 ms" in wait.detail


def test_a_run_that_is_told_to_end_says_so_and_one_behind_all_gates_waits_at_none():
    wait = why(debounce(), FlowKey(), end=FlowEnd("debounced", "run b came", "b"))
    assert "flow control ends it (debounced): run b came" in wait.detail
    assert gate_of(replace(RUN, gates=(debounce(),), passed=1)) is None


def test_a_dry_run_names_the_gate_that_has_no_room_and_what_would_become_of_the_run():
    assert room_at_gate(concurrency(limit=2), FlowKey(held=1), 0) is None
    full = room_at_gate(concurrency(limit=2, on_excess="reject"), FlowKey(held=2), 0)
    assert full is not None
    assert (full.kind, full.detail) == (
        "concurrency",
        "concurrency key inputs.k: 2 of 2 are taken and 0 wait; it would be refused",
    )
    raised = room_at_gate(concurrency(limit=1), FlowKey(held=1, limit=3), 0)
    assert raised is None, "the newest limit holds"
    assert room_at_gate(rate(), FlowKey(kind="rate", first=3, last=4), 0) is not None
    late = room_at_gate(debounce(), FlowKey(), 5)
    assert late is not None
    assert late.until_ms == 1_005
