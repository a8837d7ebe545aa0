"""The cheapest path: random workflows against brute force, and what is known of a run."""

import pytest

from bench.budgets.random_paths import outcomes, random_nodes
from schemas.spec import cheapest_path
from schemas.spec.cheapest_path import Known, PathNode, certain_nano, cheapest_nano


@pytest.mark.parametrize("block", range(10))
def test_it_is_the_least_of_all_ways_in_random_workflows(block: int) -> None:
    for seed in range(100 * block, 100 * block + 100):
        nodes = random_nodes(seed)
        ways = list(outcomes(nodes))
        assert cheapest_nano(nodes) == min(cost for cost, _ in ways), f"seed {seed}"
        always = set.intersection(*(ran for _, ran in ways))
        certain = certain_nano(nodes)
        assert certain <= min(cost for cost, _ in ways), f"seed {seed}"
        assert certain <= sum(node.bound_nano for node in nodes if node.id in always), f"seed {seed}"


def test_what_is_settled_costs_nothing_more_and_decides_what_follows() -> None:
    nodes = [
        PathNode("s", 0, choices=(frozenset({"cheap"}), frozenset({"dear"}))),
        PathNode("cheap", 10, ("s",)),
        PathNode("dear", 90, ("s",)),
        PathNode("last", 5, ("cheap", "dear")),
    ]
    assert cheapest_nano(nodes) == 15
    assert cheapest_nano(nodes, {"s": Known(chosen=frozenset({"dear"}))}) == 95
    assert cheapest_nano(nodes, {"s": Known(chosen=frozenset({"dear"})), "dear": Known()}) == 5


def test_a_node_that_failed_but_is_optional_takes_what_waits_for_it_with_it() -> None:
    nodes = [PathNode("a", 3), PathNode("b", 70, ("a",))]
    assert cheapest_nano(nodes, {"a": Known(taken=False)}) == 0


def test_a_workflow_with_too_many_choices_has_what_is_certain(monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = [PathNode("a", 7), *(PathNode(f"n{number}", 1, ("a",), may_skip=True) for number in range(30))]
    monkeypatch.setattr(cheapest_path, "MOST_LOOKS", 20)
    assert cheapest_nano(nodes) == 7
