"""The graph of a workflow: order, predecessors, ancestors, cycles. It knows only ids, so it also reads invalid
documents.
"""

from collections.abc import Iterable, Mapping, Sequence


class Cycle(ValueError):
    """The graph has a cycle; ``nodes`` are those on one cycle, in the direction of the edges, first one repeated."""

    def __init__(self, nodes: Sequence[str]) -> None:
        super().__init__(" -> ".join(nodes))
        self.nodes = tuple(nodes)


def predecessors(ids: Iterable[str], edges: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """Return each node's direct predecessors in the order of the edges. Edges to unknown nodes are ignored."""
    found: dict[str, dict[str, None]] = {node: {} for node in ids}
    for source, target in edges:
        if source in found and target in found:
            found[target][source] = None
    return {node: tuple(sources) for node, sources in found.items()}


def topological_order(before: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the nodes, each after its predecessors, otherwise in the mapping's order. Raises ``Cycle``."""
    waiting = {node: len(sources) for node, sources in before.items()}
    after: dict[str, list[str]] = {node: [] for node in before}
    for node, sources in before.items():
        for source in sources:
            after[source].append(node)
    order = [node for node, count in waiting.items() if count == 0]
    for node in order:
        for follower in after[node]:
            waiting[follower] -= 1
            if waiting[follower] == 0:
                order.append(follower)
    if len(order) < len(before):
        raise Cycle(_one_cycle(before, set(before) - set(order)))
    return order


def _one_cycle(before: Mapping[str, Sequence[str]], left: set[str]) -> list[str]:
    """Walk backwards among the nodes that could not be ordered: each has a predecessor there, so a walk repeats."""
    here = next(node for node in before if node in left)
    walk: list[str] = []
    seen: dict[str, int] = {}
    while here not in seen:
        seen[here] = len(walk)
        walk.append(here)
        here = next(source for source in before[here] if source in left)
    return [here, *reversed(walk[seen[here] :])]


def ancestors(before: Mapping[str, Sequence[str]], order: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return every node from which a path leads to each node."""
    found: dict[str, frozenset[str]] = {}
    for node in order:
        found[node] = frozenset(before[node]).union(*(found[source] for source in before[node]))
    return found
