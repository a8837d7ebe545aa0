"""The cheapest path: random workflows against brute force, and what is known of a run."""

from collections.abc import Iterator
from itertools import product
from random import Random

import pytest

from schemas.spec import cheapest_path
from schemas.spec.cheapest_path import Known, PathNode, certain_nano, cheapest_nano

JOINS = (None, None, "all", "any", "all_done")


def random_nodes(seed: int) -> list[PathNode]:
    """Return a random DAG with conditions, switches and joins."""
    dice = Random(seed)
    names = [f"n{number}" for number in range(dice.randint(1, 9))]
    before = {name: [other for other in names[:place] if dice.random() < 0.4] for place, name in enumerate(names)}
    after = {name: [other for other in names if name in before[other]] for name in names}
    nodes = []
    for name in names:
        is_switch = bool(after[name]) and dice.random() < 0.3
        choices = [frozenset(one for one in after[name] if dice.random() < 0.5) for _ in range(2)] if is_switch else []
        nodes.append(
            PathNode(
                name,
                dice.randint(0, 50),
                tuple(before[name]),
                dice.choice(JOINS),
                dice.random() < 0.3,
                tuple(choices),
            )
        )
    return nodes


def outcomes(nodes: list[PathNode]) -> Iterator[tuple[int, set[str]]]:
    """Yield the cost and the nodes of every way that a workflow may go, by trying all choices there are."""
    options = [
        [(run, choice) for run in (True, False)[: 1 + n.may_skip] for choice in n.choices or (None,)] for n in nodes
    ]
    for chosen in product(*options):
        picks = dict(zip((node.id for node in nodes), chosen, strict=True))
        ran: set[str] = set()
        for node in nodes:
            edges = [
                source in ran and (picks[source][1] is None or node.id in picks[source][1]) for source in node.before
            ]
            due = {"all": all(edges), "all_done": True}.get(node.join or "", any(edges) or not edges)
            if due and picks[node.id][0]:
                ran.add(node.id)
        yield sum(node.bound_nano for node in nodes if node.id in ran), ran


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
