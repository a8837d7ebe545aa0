"""Groups of runs against each other."""

import random

import pytest

from bench.observability.world.effects import NONE, Effect
from bench.observability.world.running import WorldRunner
from bench.observability.world.shape import World, WorldNode
from bench.observability.world.spans import recorded
from services.observability.diff.deltas import deltas
from services.observability.diff.divergence import compare
from services.observability.diff.groups import LEAST_RUNS, compare_groups, newcombe, welch
from services.observability.diff.recorded import RecordedRun

_WORLD = World(
    "grouped",
    (
        WorldNode("a", "tool", tool="search"),
        WorldNode("b", "llm", needs=("a",), width=4),
        WorldNode("c", "function", needs=("b",), strict=True),
    ),
)


def _runs(count: int, seed: int, **effect) -> list[RecordedRun]:
    def effects(node: str, index: int, turn: int) -> Effect:
        return Effect(**effect) if node == "b" and effect else NONE

    found = []
    for n in range(count):
        runner = WorldRunner(_WORLD, random.Random(f"{seed} {n}"), effects=effects)
        run = runner.run(f"{seed} {n}")
        found.append(recorded(run.run_id, _WORLD, run.spans, known=True))
    return found


def test_equal_groups_rarely_differ():
    differing = [
        any(one.differs for one in compare_groups(_runs(20, seed), _runs(20, seed + 500)).differences)
        for seed in range(60)
    ]
    # At most 5% of equal groups; of 60 that is 3, and more than 8 would come by luck once in 200 times.
    assert sum(differing) <= 8


def test_a_slower_node_and_the_run_are_named():
    found = compare_groups(_runs(30, 1), _runs(30, 2, slower=4.0))
    slow = {one.node for one in found.differences if one.differs and one.measure == "duration_ms"}
    assert slow == {"", "b"}
    dear = [one for one in found.differences if one.measure == "cost_nano"]
    assert not any(one.differs for one in dear)


def test_failures_and_routes_are_named():
    found = compare_groups(_runs(30, 1), _runs(30, 2, bad=True, route=("anthropic", "claude-haiku-4-5")))
    failed = {one.node: one for one in found.differences if one.measure == "failed"}
    assert failed["c"].differs
    assert failed["c"].low is not None
    assert failed["c"].low > 0.5
    routes = {(one.value, one.a, one.b) for one in found.usages if one.what == "route"}
    assert routes == {("openai/gpt-4o-mini", 30, 0), ("anthropic/claude-haiku-4-5", 0, 30)}


def test_few_runs_have_no_interval():
    found = compare_groups(_runs(LEAST_RUNS - 1, 1), _runs(30, 2, slower=9.0))
    assert all(one.low is None and not one.differs for one in found.differences)


def test_empty_groups_are_compared():
    found = compare_groups([], _runs(3, 1))
    assert (found.runs_a, found.runs_b, list(found.differences)) == (0, 3, [])


def test_welchs_interval_is_that_of_a_published_example():
    # Two samples of unequal spread; by R: t.test(b, a) gives [2.8247, 7.8753] at 95%.
    a, b = [3.0, 4.0, 1.0, 2.1], [490.0, 340.0, 433.0]
    low, high = welch(a, b, 0.05)
    assert low < 418.475 < high
    # Welch-Satterthwaite: df is a little above 2, so the quantile is near that of two degrees, 4.303.
    assert (high - low) / 2 == pytest.approx(4.303 * 43.66, rel=0.02)


def test_newcombes_interval_is_that_of_his_example():
    # Newcombe (1998), table II, method 10: 56/70 against 48/80 gives 0.0524 to 0.3339.
    low, high = newcombe([1.0] * 48 + [0.0] * 32, [1.0] * 56 + [0.0] * 14, 0.05)
    assert (low, high) == (pytest.approx(0.0524, abs=1e-4), pytest.approx(0.3339, abs=1e-4))


def test_deltas_add_up_to_the_run():
    a, b = _runs(1, 1)[0], _runs(1, 2)[0]
    found = compare(a, b)
    assert found.root is not None
    rows = deltas(found.root)
    run, tops = rows[0], [row for row in rows if row.depth == 1]
    assert run.step == ""
    assert run.a is not None
    assert run.a.cost_nano == sum(span.cost_nano for span in a.spans) > 0
    assert sum(row.b.cost_nano for row in tops if row.b) == sum(span.cost_nano for span in b.spans)
    assert sorted(row.step for row in rows if row.depth == 2) == ["b[0]", "b[1]", "b[2]", "b[3]"]
