"""The rows of a timeline: what the end waited for, and large fans as one row."""

from typing import Any

from schemas.records.spans import Span
from services.observability.traces.timeline import MAX_ROWS, critical_path, timeline_of
from services.observability.traces.tree import tree_of


def _span(span_id: str, parent: str | None, start: int, end: int, **fields: Any) -> Span:
    return Span(span_id=span_id, parent_span_id=parent, name=span_id, start_ns=start, end_ns=end, **fields)


def _map(children: int, slowest: int = 0, failed: int = -1) -> list[Span]:
    steps = [
        _span(
            f"m{n}",
            "m",
            10,
            90 if n == slowest else 20,
            step_id=f"m[{n}]",
            type="step",
            status="error" if n == failed else "ok",
            cost_nano=1,
        )
        for n in range(children)
    ]
    return [_span("run", None, 0, 100, type="run"), _span("m", "run", 10, 90, type="map", step_id="m"), *steps]


def test_the_end_waited_for_the_last_chain_within_each_span() -> None:
    spans = [
        _span("run", None, 0, 100, type="run"),
        _span("a", "run", 0, 30),
        _span("fast", "run", 30, 40),
        _span("slow", "run", 30, 80),
        _span("attempt", "slow", 35, 79),
        _span("beside", "slow", 35, 40),
        _span("last", "run", 80, 100),
    ]
    assert critical_path(tree_of(spans)) == {"run", "a", "slow", "attempt", "last"}


def test_a_span_that_waited_for_nobody_and_an_empty_trace() -> None:
    assert critical_path(tree_of([_span("run", None, 0, 0)])) == {"run"}
    assert critical_path(tree_of([])) == set()
    assert timeline_of(tree_of([])).rows == []


def test_a_large_map_is_one_row_and_those_that_matter() -> None:
    bars = timeline_of(tree_of(_map(1_000, slowest=500, failed=700)))
    shown = {row.span.span.step_id: row for row in bars.rows if not row.folded}
    assert {"m[500]", "m[700]"} < set(shown)
    assert shown["m[500]"].critical
    (folded,) = [row for row in bars.rows if row.folded]
    assert folded.folded + len([step for step in shown if step.startswith("m[")]) == 1_000
    assert folded.name == f"m[{folded.folded} more]"
    assert (folded.start_ns, folded.end_ns, folded.total.cost_nano) == (10, 20, folded.folded)
    assert (bars.start_ns, bars.end_ns) == (0, 100)
    assert bars.rows[1].total.cost_nano == 1_000


def test_a_small_map_and_a_fold_that_is_as_large_as_the_map_show_all() -> None:
    tree = tree_of(_map(100))
    assert not [row for row in timeline_of(tree_of(_map(20))).rows if row.folded]
    assert len(timeline_of(tree, fold=100).rows) == 102
    assert [row for row in timeline_of(tree, fold=99).rows if row.folded]


def test_rows_are_bounded_and_say_how_many_are_left_out() -> None:
    spans = [_span("run", None, 0, 100, type="run")]
    spans += [_span(f"s{n}", "run", n, n + 1, type="external") for n in range(MAX_ROWS)]
    bars = timeline_of(tree_of(spans))
    assert (len(bars.rows), bars.left_out) == (MAX_ROWS, 1)
