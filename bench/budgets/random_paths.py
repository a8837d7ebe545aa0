"""Random workflows for the cheapest path, and all the ways that one may go, by trying every choice."""

from collections.abc import Iterator
from itertools import product
from random import Random

from schemas.spec.cheapest_path import PathNode
from schemas.spec.model import Join

JOINS: tuple[Join | None, ...] = (None, None, "all", "any", "all_done")


def random_nodes(seed: int) -> list[PathNode]:
    """Return a random DAG of up to nine nodes with conditions, switches and joins."""
    dice = Random(seed)  # noqa: S311
    names = [f"n{number}" for number in range(dice.randint(1, 9))]
    before = {name: [other for other in names[:place] if dice.random() < 0.4] for place, name in enumerate(names)}
    after = {name: [other for other in names if name in before[other]] for name in names}
    return [_node(dice, name, tuple(before[name]), after[name]) for name in names]


def outcomes(nodes: list[PathNode]) -> Iterator[tuple[int, set[str]]]:
    """Yield the cost and the nodes of every way that a workflow may go."""
    options = [list(product((True, False)[: 1 + node.may_skip], node.choices or (None,))) for node in nodes]
    for chosen in product(*options):
        picks = dict(zip((node.id for node in nodes), chosen, strict=True))
        ran: set[str] = set()
        for node in nodes:
            edges = [source in ran and _chose(picks[source][1], node.id) for source in node.before]
            due = {"all": all(edges), "all_done": True}.get(node.join or "", any(edges) or not edges)
            if due and picks[node.id][0]:
                ran.add(node.id)
        yield sum(node.bound_nano for node in nodes if node.id in ran), ran


def _node(dice: Random, name: str, before: tuple[str, ...], after: list[str]) -> PathNode:
    is_switch = bool(after) and dice.random() < 0.3
    choices = [frozenset(one for one in after if dice.random() < 0.5) for _ in range(2)] if is_switch else []
    bound, join = dice.randint(0, 50), dice.choice(JOINS)
    return PathNode(name, bound, before, join, dice.random() < 0.3, tuple(choices))


def _chose(chosen: frozenset[str] | None, target: str) -> bool:
    return chosen is None or target in chosen
