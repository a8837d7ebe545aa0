"""The bare graph of a document: ids and edges with their places. An otherwise invalid document has one, too."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from schemas.errors import Problem
from schemas.records.base import Json
from schemas.spec.check.shape import node_or_none, similar
from schemas.spec.compensation import reached, widened
from schemas.spec.graph import Cycle, ancestors, predecessors, topological_order
from schemas.spec.model import MAX_NODES, Node, WorkflowSpec

#: Names that have another meaning where a node's id may stand.
RESERVED = {"item": "the item of a mapped node", "index": "the index of a mapped node's item"}


@dataclass(frozen=True, slots=True)
class OutlineNode:
    """A node's place in the document, its id, and the node itself if it is valid by itself."""

    index: int
    id: str
    node: Node | None


@dataclass(frozen=True, slots=True)
class OutlineEdge:
    """An edge's place in the document and its ends."""

    index: int
    source: str
    target: str


@dataclass(frozen=True)
class Outline:
    """Nodes and edges. ``before`` are direct predecessors, ``above`` the nodes that may be referred to: all ancestors,
    and of a compensating node every other one (empty if there is a cycle). ``after_end`` are the roots of
    ``on_failure`` and ``on_cancel``, ``apart`` all compensating nodes.
    """

    nodes: tuple[OutlineNode, ...]
    edges: tuple[OutlineEdge, ...]
    before: Mapping[str, tuple[str, ...]]
    above: Mapping[str, frozenset[str]]
    cycle: Cycle | None
    after_end: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    apart: frozenset[str] = frozenset()

    @property
    def ids(self) -> list[str]:
        """The ids of all nodes."""
        return [node.id for node in self.nodes]


def outline_of(spec: WorkflowSpec) -> Outline:
    """Return a spec's outline."""
    return _outline(
        tuple(OutlineNode(i, node.id, node) for i, node in enumerate(spec.dag.nodes)),
        tuple(OutlineEdge(i, edge.source, edge.target) for i, edge in enumerate(spec.dag.edges)),
        {"on_failure": tuple(spec.dag.on_failure), "on_cancel": tuple(spec.dag.on_cancel)},
    )


def outline_of_document(document: Mapping[str, Json]) -> Outline:
    """Return the readable part of an invalid document; entries without an id, or without two ends, are skipped."""
    dag = document.get("dag")
    # Ancestors take memory with the square of the nodes.
    nodes = _list(dag, "nodes")[:MAX_NODES]
    edges = _list(dag, "edges")
    return _outline(
        tuple(
            OutlineNode(i, raw["id"], node_or_none(raw))
            for i, raw in enumerate(nodes)
            if isinstance(raw, dict) and isinstance(raw.get("id"), str)
        ),
        tuple(
            OutlineEdge(i, raw["from"], raw["to"])
            for i, raw in enumerate(edges)
            if isinstance(raw, dict) and isinstance(raw.get("from"), str) and isinstance(raw.get("to"), str)
        ),
        {name: tuple(one for one in _list(dag, name) if isinstance(one, str)) for name in ("on_failure", "on_cancel")},
    )


def _list(container: Json, name: str) -> list[Json]:
    found = container.get(name) if isinstance(container, dict) else None
    return found if isinstance(found, list) else []


def _outline(
    nodes: tuple[OutlineNode, ...], edges: tuple[OutlineEdge, ...], after_end: Mapping[str, tuple[str, ...]]
) -> Outline:
    roots = [root for named in after_end.values() for root in named]
    apart = reached(roots, [(edge.source, edge.target) for edge in edges]) if roots else frozenset()
    before = predecessors(
        [node.id for node in nodes], [(edge.source, edge.target) for edge in edges if edge.source != edge.target]
    )
    try:
        above = widened(ancestors(before, topological_order(before)), apart)
        return Outline(nodes, edges, before, above, None, after_end, apart)
    except Cycle as exc:
        return Outline(nodes, edges, before, {}, exc, after_end, apart)


def graph_problems(outline: Outline) -> Iterator[Problem]:
    """Yield the problems of ids and edges."""
    yield from _id_problems(outline)
    yield from _edge_problems(outline)
    if outline.cycle is not None:
        round_trip = " -> ".join(outline.cycle.nodes)
        yield Problem("dag.edges", f"the nodes wait for each other in a cycle: {round_trip}", "remove one of the edges")


def _id_problems(outline: Outline) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for node in outline.nodes:
        index, id_ = node.index, node.id
        path = f"dag.nodes[{index}].id"
        if id_ in first:
            yield Problem(path, f"the id '{id_}' is taken by dag.nodes[{first[id_]}]", "give each node its own id")
        first.setdefault(id_, index)
        if id_ in RESERVED:
            yield Problem(path, f"'{id_}' is reserved: it is {RESERVED[id_]}", "use another id")


def _edge_problems(outline: Outline) -> Iterator[Problem]:
    known = set(outline.ids)
    first: dict[tuple[str, str], int] = {}
    for edge in outline.edges:
        index, source, target = edge.index, edge.source, edge.target
        path = f"dag.edges[{index}]"
        for end, id_ in (("from", source), ("to", target)):
            if id_ not in known:
                yield Problem(f"{path}.{end}", f"there is no node '{id_}'", similar(id_, known))
        if source == target:
            yield Problem(path, f"the node '{source}' would wait for itself", "remove the edge")
        if (source, target) in first:
            twin = first[source, target]
            yield Problem(path, f"the edge from '{source}' to '{target}' repeats dag.edges[{twin}]", "remove one")
        first.setdefault((source, target), index)
