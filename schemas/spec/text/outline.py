"""The bare graph of a document: ids and edges with their places. An otherwise invalid document has one, too."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from schemas.errors import Problem
from schemas.records.base import Json
from schemas.spec.check.shape import node_or_none, similar
from schemas.spec.compensation import reached, widened
from schemas.spec.graph import Cycle, ancestors, predecessors, topological_order
from schemas.spec.loops import BODY_NAMES, with_outputs
from schemas.spec.model import MAX_NODES, LoopNode, Node, WorkflowSpec

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
    ``on_failure`` and ``on_cancel``, ``apart`` all compensating nodes. ``path`` and ``edge_path`` are where nodes and
    edges are in the document; ``outer`` is the outline of the workflow around the body of ``loop``, ``inner`` are those
    of bodies.
    """

    nodes: tuple[OutlineNode, ...]
    edges: tuple[OutlineEdge, ...]
    before: Mapping[str, tuple[str, ...]]
    above: Mapping[str, frozenset[str]]
    cycle: Cycle | None
    after_end: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    apart: frozenset[str] = frozenset()
    path: str = "dag.nodes"
    edge_path: str = "dag.edges"
    outer: "Outline | None" = None
    loop: str = ""
    inner: Mapping[str, "Outline"] = field(default_factory=dict)

    @property
    def ids(self) -> list[str]:
        """The ids of all nodes, without those inside of loops."""
        return [node.id for node in self.nodes]

    @property
    def predecessors(self) -> dict[str, tuple[str, ...]]:
        """The direct predecessors of every node, those inside of loops included: each within its own body."""
        return dict(self.before) | {id_: found for body in self.inner.values() for id_, found in body.before.items()}

    @property
    def known(self) -> list[str]:
        """The ids that a text may name here, or wrongly names: also those around a loop's body."""
        return self.ids if self.outer is None else [*self.ids, *self.outer.ids]


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
    loops = {node.id: node for node in nodes if isinstance(node.node, LoopNode)}
    try:
        above = with_outputs(widened(ancestors(before, topological_order(before)), apart), loops)
        outline = Outline(nodes, edges, before, above, None, after_end, apart)
    except Cycle as exc:
        outline = Outline(nodes, edges, before, {}, exc, after_end, apart)
    if not loops:
        return outline
    inner: dict[str, Outline] = {}
    outline = replace(outline, inner=inner)
    inner.update((id_, _body(found, outline)) for id_, found in loops.items())
    return outline


def _body(found: OutlineNode, outer: Outline) -> Outline:
    """Return the outline of a loop's body."""
    assert isinstance(found.node, LoopNode)
    config, path = found.node.config, f"{outer.path}[{found.index}].config"
    nodes = tuple(OutlineNode(i, node.id, node) for i, node in enumerate(config.body))
    edges = tuple(OutlineEdge(i, edge.source, edge.target) for i, edge in enumerate(config.edges))
    inner = _outline(nodes, edges, {})
    around = outer.above.get(found.id, frozenset()) | BODY_NAMES
    above = {node: names | around for node, names in inner.above.items()}
    return replace(inner, above=above, path=f"{path}.body", edge_path=f"{path}.edges", outer=outer, loop=found.id)


def graph_problems(outline: Outline) -> Iterator[Problem]:
    """Yield the problems of ids and edges."""
    yield from _id_problems(outline)
    yield from _edge_problems(outline)
    if outline.cycle is not None:
        round_trip = " -> ".join(outline.cycle.nodes)
        yield Problem(
            outline.edge_path, f"the nodes wait for each other in a cycle: {round_trip}", "remove one of the edges"
        )


def _id_problems(outline: Outline) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for node in outline.nodes:
        index, id_ = node.index, node.id
        path = f"{outline.path}[{index}].id"
        if id_ in first:
            said = f"the id '{id_}' is taken by {outline.path}[{first[id_]}]"
            yield Problem(path, said, "give each node its own id")
        first.setdefault(id_, index)
        if id_ in RESERVED:
            yield Problem(path, f"'{id_}' is reserved: it is {RESERVED[id_]}", "use another id")


def _edge_problems(outline: Outline) -> Iterator[Problem]:
    known = set(outline.ids)
    first: dict[tuple[str, str], int] = {}
    for edge in outline.edges:
        index, source, target = edge.index, edge.source, edge.target
        path = f"{outline.edge_path}[{index}]"
        for end, id_ in (("from", source), ("to", target)):
            if id_ not in known:
                yield Problem(f"{path}.{end}", f"there is no node '{id_}'", similar(id_, known))
        if source == target:
            yield Problem(path, f"the node '{source}' would wait for itself", "remove the edge")
        if (source, target) in first:
            twin = first[source, target]
            yield Problem(
                path, f"the edge from '{source}' to '{target}' repeats {outline.edge_path}[{twin}]", "remove one"
            )
        first.setdefault((source, target), index)
