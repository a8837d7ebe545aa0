import random

from schemas.ids import phase_span_id
from schemas.records.spans import Phase, Span
from services.observability.traces.tree import TraceTree, tree_of


def _span(span_id: str, parent: str | None = None, start: int = 0, **fields: object) -> Span:
    return Span(
        span_id=span_id,
        parent_span_id=parent,
        name=span_id,
        start_ns=start,
        end_ns=start + 10,
        **fields,  # type: ignore[arg-type]
    )


def _shape(tree: TraceTree) -> list[tuple[int, str]]:
    return [(depth, one.span.span_id) for depth, one in tree.order]


def test_spans_are_below_their_parents_in_the_order_of_their_starts_whatever_their_order_in_the_store() -> None:
    spans = [
        _span("run", type="run"),
        _span("split", "run", 1, type="step"),
        _span("analyze", "run", 5, type="map"),
        _span("late", "analyze", 7, type="step"),
        _span("early", "analyze", 6, type="step"),
        _span("call", "early", 6, type="llm_call"),
    ]
    whole = [(0, "run"), (1, "split"), (1, "analyze"), (2, "early"), (3, "call"), (2, "late")]
    for seed in range(20):
        mixed = random.Random(seed).sample(spans, len(spans))
        assert _shape(tree_of(mixed)) == whole


def test_children_that_start_together_are_in_the_order_of_their_numbers() -> None:
    steps = [_span(f"s{n}", "run", 3, step_id=f"analyze[{n}]") for n in (10, 9, 100, 2)]
    tree = tree_of([_span("run", type="run"), *steps])
    assert [one.span.step_id for one in tree.roots[0].children] == [f"analyze[{n}]" for n in (2, 9, 10, 100)]


def test_costs_and_tokens_add_up_at_every_level() -> None:
    tree = tree_of(
        [
            _span("run", type="run"),
            _span("map", "run", type="map"),
            _span("a", "map", type="attempt", status="error"),
            _span("one", "a", type="llm_call", cost_nano=3, input_tokens=5, output_tokens=7),
            _span("two", "a", type="embedding", cost_nano=2**53, input_tokens=1),
        ]
    )
    total = tree.by_id["map"].total
    assert (total.cost_nano, total.input_tokens, total.output_tokens) == (2**53 + 3, 6, 7)
    assert (total.spans, total.calls, total.errors) == (4, 2, 1)
    assert tree.total.cost_nano == tree.roots[0].total.cost_nano == 2**53 + 3
    assert tree.by_id["one"].total.cost_nano == 3
    assert tree.total.spans == 5


def test_phases_become_spans_with_ids_that_derive_from_their_spans() -> None:
    phases = [Phase(type="queue", start_ns=1, end_ns=4), Phase(type="quota", start_ns=4, end_ns=6)]
    attempt = _span("attempt", "run", 2, type="attempt", phases=phases, step_id="analyze", attempt=2)
    tree = tree_of([_span("run", type="run"), attempt])
    queue, quota = tree.by_id["attempt"].children
    assert (queue.span.span_id, quota.span.span_id) == (
        phase_span_id("attempt", "queue", 0),
        phase_span_id("attempt", "quota", 1),
    )
    assert queue.phase
    assert (queue.span.type, queue.span.step_id, queue.span.attempt) == ("queue", "analyze", 2)
    assert (queue.span.start_ns, queue.span.end_ns) == (1, 4)


def test_orphans_are_kept_and_say_so_and_a_run_below_another_programs_span_is_none() -> None:
    tree = tree_of([_span("lost", "gone", 1, type="llm_call"), _span("run", "outside", 5, type="run")])
    assert [(root.span.span_id, root.orphan) for root in tree.roots] == [("run", False), ("lost", True)]
    assert [one.span.span_id for one in tree.orphans] == ["lost"]


def test_spans_that_name_each_other_as_parents_are_shown_once() -> None:
    tree = tree_of([_span("a", "b", 2), _span("b", "a", 1), _span("c", "a", 3), _span("self", "self")])
    assert _shape(tree) == [(0, "self"), (0, "b"), (1, "a"), (2, "c")]
    assert tree.total.spans == 4


def test_a_stored_span_replaces_the_drawn_one_with_its_id() -> None:
    tree = tree_of([_span("run", type="run", status="ok")], drawn=[_span("run", type="run"), _span("step", "run")])
    assert [(one.span.span_id, one.span.status, one.drawn) for _, one in tree.order] == [
        ("run", "ok", False),
        ("step", "unset", True),
    ]


def test_a_chain_of_ten_thousand_spans_is_a_tree() -> None:
    chain = [_span(str(n), str(n - 1) if n else None, n, cost_nano=1) for n in range(10_000)]
    tree = tree_of(chain)
    assert max(depth for depth, _ in tree.order) == 9_999
    assert tree.total.cost_nano == 10_000
