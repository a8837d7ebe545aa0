"""The cheapest path through a workflow: the least that a run costs at most, whatever is chosen on its way.

Each node has a bound, the most that it costs if it runs. What runs depends on choices that are made later: a condition
skips its node or not, a switch chooses one of its cases. The cheapest path is the set of choices with the least sum of
bounds; nodes succeed on it. A run whose cap has room for it can end well; one whose cap has not may fail.

Joins are those of ``streams.core.runs.nodes.join`` after all is settled. The search is exact; in a workflow with so
many choices that it would take too long, the answer is the sum of what runs whatever is chosen, which is never more.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from schemas.spec.check.flow import targets
from schemas.spec.graph import predecessors, topological_order
from schemas.spec.model import Edge, Join, Node, SwitchNode

#: How many nodes are looked at before the search gives up: some milliseconds.
MOST_LOOKS = 20_000
#: The search goes as deep as there are nodes.
MOST_NODES = 300

Certainty = Literal["runs", "skipped", "unknown"]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a node: it is settled, or it runs, and costs so much more at most.

    ``taken``: its successors may follow it; ``chosen`` are those that a switch has chosen.
    """

    cost_nano: int = 0
    taken: bool = True
    chosen: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class PathNode:
    """A node as the search sees it. ``choices`` are the sets of successors that a switch may choose."""

    id: str
    bound_nano: int
    before: tuple[str, ...] = ()
    join: Join | None = None
    may_skip: bool = False
    choices: tuple[frozenset[str], ...] = ()


def path_nodes(nodes: Sequence[Node], edges: Sequence[Edge], bounds: Mapping[str, int]) -> tuple[PathNode, ...]:
    """Return nodes in topological order; one without a bound costs nothing."""
    by_id = {node.id: node for node in nodes}
    before = predecessors(by_id, ((edge.source, edge.target) for edge in edges))
    return tuple(
        PathNode(
            id_,
            bounds.get(id_, 0),
            before[id_],
            by_id[id_].join,
            by_id[id_].config.condition is not None,
            tuple(_choices(by_id[id_])),
        )
        for id_ in topological_order(before)
    )


def cheapest_nano(nodes: Sequence[PathNode], known: Mapping[str, Known] | None = None) -> int:
    """Return the sum of the cheapest path, of what is still ahead where some is ``known``."""
    search = _Search(nodes, known or {})
    return search.best() if len(nodes) <= MOST_NODES and search.run(0, 0) else certain_nano(nodes, known)


def certain_nano(nodes: Sequence[PathNode], known: Mapping[str, Known] | None = None) -> int:
    """Return the sum of what runs whatever is chosen."""
    found: dict[str, Certainty] = {}
    given, total = known or {}, 0
    choices = {node.id: node.choices for node in nodes}
    for node in nodes:
        fact = given.get(node.id)
        if fact is not None:
            total += fact.cost_nano
            found[node.id] = "runs" if fact.taken else "skipped"
            continue
        edges = [_certain_edge(found[source], choices[source], node.id, given.get(source)) for source in node.before]
        state = _certain(node.join, edges)
        total += node.bound_nano if state == "runs" and not node.may_skip else 0
        found[node.id] = "unknown" if state == "runs" and node.may_skip else state
    return total


class _Search:
    """Depth-first over the choices, nodes in topological order; a branch that is no better than the best is left."""

    def __init__(self, nodes: Sequence[PathNode], known: Mapping[str, Known]) -> None:
        self._nodes = nodes
        self._known = known
        self._taken: dict[str, bool] = {}
        self._chosen: dict[str, frozenset[str]] = {}
        self._best: int | None = None
        self._looks = 0

    def best(self) -> int:
        """Return the least sum that was found."""
        return self._best or 0

    def run(self, place: int, spent_nano: int) -> bool:
        """Try all that may follow; ``False`` when it takes too long."""
        self._looks += 1
        if self._looks > MOST_LOOKS:
            return False
        if self._best is not None and spent_nano >= self._best:
            return True
        if place == len(self._nodes):
            self._best = spent_nano
            return True
        node = self._nodes[place]
        for taken, chosen, cost_nano in self._options(node):
            self._taken[node.id] = taken
            if chosen is not None:
                self._chosen[node.id] = chosen
            done = self.run(place + 1, spent_nano + cost_nano)
            self._chosen.pop(node.id, None)
            if not done:
                return False
        return True

    def _options(self, node: PathNode) -> Iterator[tuple[bool, frozenset[str] | None, int]]:
        fact = self._known.get(node.id)
        if fact is not None:
            yield fact.taken, fact.chosen, fact.cost_nano
            return
        if not _runs(node.join, [self._edge(source, node.id) for source in node.before]):
            yield False, None, 0
            return
        if node.may_skip:
            yield False, None, 0
        for chosen in node.choices or (None,):
            yield True, chosen, node.bound_nano

    def _edge(self, source: str, target: str) -> bool:
        chosen = self._chosen.get(source)
        return self._taken[source] and (chosen is None or target in chosen)


def _runs(join: Join | None, taken: Sequence[bool]) -> bool:
    if not taken or join == "all_done":
        return True
    return all(taken) if join == "all" else any(taken)


def _certain(join: Join | None, edges: Sequence[Certainty]) -> Certainty:
    if not edges or join == "all_done":
        return "runs"
    if join == "all":
        return "skipped" if "skipped" in edges else "unknown" if "unknown" in edges else "runs"
    return "runs" if "runs" in edges else "unknown" if "unknown" in edges else "skipped"


def _certain_edge(state: Certainty, choices: Sequence[frozenset[str]], target: str, fact: Known | None) -> Certainty:
    if state == "skipped":
        return state
    if fact is not None:
        return "runs" if fact.chosen is None or target in fact.chosen else "skipped"
    return state if all(target in choice for choice in choices) else "unknown"


def _choices(node: Node) -> Iterator[frozenset[str]]:
    if isinstance(node, SwitchNode):
        yield from (frozenset(targets(case.to)) for case in node.config.cases)
        yield frozenset(targets(node.config.default))
