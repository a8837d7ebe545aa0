"""A run of which no span is stored yet is drawn; each stored span takes the place of its drawn one."""

from dataclasses import fields
from typing import Any

from connectors.postgres.history.runs import StoredRun, StoredStep
from schemas.ids import span_id, trace_id
from schemas.records.spans import Span
from services.observability.traces.drawn import STATE, WAITS_FOR, RunSoFar, drawn_spans
from services.observability.traces.tree import tree_of
from tests.support.runs import function, resolved

RUN = "0eecbc4e-72c4-58b6-83d2-e04ab6255896"
NOW = 10_000


def _run(status: Any = "running", **more: Any) -> StoredRun:
    empty = {field.name: None for field in fields(StoredRun)}
    known = {"id": RUN, "workflow_name": "flow", "workflow_version": 3, "status": status, "created_ms": 1_000}
    return StoredRun(**(empty | known | {"cost_nano": 0, "tags": {}} | more))


def _step(step_id: str, status: Any, **more: Any) -> StoredStep:
    empty = {field.name: None for field in fields(StoredStep)}
    known = {"step_id": step_id, "node_id": step_id.partition("[")[0], "kind": "function", "status": status}
    return StoredStep(**(empty | known | {"attempt": 1, "cost_nano": 0} | more))


def _drawn(run: StoredRun, *steps: StoredStep, stored: Any = (), definition: Any = None) -> dict[str, Span]:
    found = drawn_spans(RunSoFar(run, steps, definition), list(stored), NOW)
    assert len({span.span_id for span in found}) == len(found)
    return {span.step_id: span for span in found}


def test_a_running_run_has_its_steps_and_what_its_other_nodes_wait_for() -> None:
    definition = resolved(*map(function, "abc"), edges="a>b b>c")
    steps = [
        _step("a", "succeeded", started_ms=1_500, finished_ms=2_000),
        _step("b", "waiting", requested_ms=2_000, waiting_for="budget daily"),
    ]
    drawn = _drawn(_run(), *steps, definition=definition)
    assert (drawn[""].span_id, drawn[""].type, drawn[""].name) == (span_id(RUN), "run", "workflow flow")
    assert (drawn[""].start_ns, drawn[""].end_ns) == (1_000_000_000, NOW * 1_000_000)
    assert (drawn["a"].start_ns, drawn["a"].end_ns, drawn["a"].status) == (1_500_000_000, 2_000_000_000, "ok")
    assert drawn["b"].end_ns == NOW * 1_000_000
    assert (drawn["b"].attributes[STATE], drawn["b"].attributes[WAITS_FOR]) == ("waiting", "budget daily")
    assert (drawn["c"].attributes[STATE], drawn["c"].attributes[WAITS_FOR]) == ("pending", "not ended: b")
    tree = tree_of([], drawn.values())
    assert [one.span.step_id for one in tree.roots[0].children] == ["a", "b", "c"]
    assert tree.orphans == []


def test_drawn_steps_are_below_what_stored_ones_will_be_below() -> None:
    children = [_step(f"m[{n}]", "running", started_ms=2_000) for n in range(2)]
    drawn = _drawn(_run(), _step("m", "running", children_total=2, requested_ms=1_500), *children)
    assert drawn["m"].type == "map"
    assert drawn["m[1]"].parent_span_id == drawn["m"].span_id == span_id(RUN, "m")
    assert drawn["m"].parent_span_id == span_id(RUN)


def test_a_stored_span_is_not_drawn_and_money_is_counted_once() -> None:
    call = Span(span_id="c", parent_span_id="a", name="chat", start_ns=0, end_ns=1, step_id="ask", cost_nano=700)
    stored = [Span(span_id=span_id(RUN, "ask"), name="ask", start_ns=0, end_ns=1, step_id="ask"), call]
    steps = [_step("ask", "succeeded", cost_nano=700), _step("tell", "succeeded", cost_nano=50)]
    drawn = _drawn(_run(cost_nano=1_000), *steps, stored=stored)
    assert set(drawn) == {"", "tell"}
    assert drawn["tell"].cost_nano == 50
    # What history knows of no step that was read, as of a map's later children, is the run's own.
    assert drawn[""].cost_nano == 1_000 - 700 - 50
    assert tree_of(stored, drawn.values()).total.cost_nano == 1_000


def test_children_that_history_left_out_are_drawn_of_their_attempts() -> None:
    attempts = [
        Span(
            span_id=f"a{n}",
            parent_span_id=span_id(RUN, "m[700]"),
            name="attempt",
            start_ns=n * 10,
            end_ns=n * 10 + 5,
            step_id="m[700]",
            type="attempt",
        )
        for n in (1, 2)
    ]
    drawn = _drawn(_run(), _step("m", "running", children_total=1_000), stored=attempts)
    assert (drawn["m[700]"].start_ns, drawn["m[700]"].end_ns) == (10, 25)
    tree = tree_of(attempts, drawn.values())
    assert tree.orphans == []
    assert [one.span.span_id for one in tree.by_id[span_id(RUN, "m[700]")].children] == ["a1", "a2"]


def test_an_ended_run_whose_spans_were_not_kept_is_drawn_with_its_end() -> None:
    error = {"code": "timeout", "message": "it took too long"}
    run = _run("failed", finished_ms=5_000, error=error)
    drawn = _drawn(run, _step("a", "failed", started_ms=2_000, finished_ms=4_000, error=error))
    assert (drawn[""].end_ns, drawn[""].status, drawn[""].error_code) == (5_000_000_000, "error", "timeout")
    assert drawn["a"].status_message == "it took too long"
    assert WAITS_FOR not in drawn["a"].attributes


def test_a_child_run_is_linked() -> None:
    drawn = _drawn(_run(), _step("child", "running", kind="workflow", child_run_id="other"))
    (link,) = drawn["child"].links
    assert (link.trace_id, link.span_id, link.relation) == (trace_id("other"), span_id("other"), "child_run")
    assert drawn["child"].type == "child_run"
