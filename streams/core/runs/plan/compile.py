"""Compiles a workflow for folding. What a kind of node adds is its own (``nodes.kinds``); all else is here."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

from schemas.errors import BadRecord
from schemas.privacy.sealed_questions import wants_by_node
from schemas.prompts.texts import known_names
from schemas.records.steps import LlmCall
from schemas.spec.check.nodes import queue_of
from schemas.spec.compensation import compensating, widened
from schemas.spec.conditions import BadCondition, compile_condition
from schemas.spec.graph import Cycle, ancestors, predecessors, topological_order
from schemas.spec.loops import BODY_NAMES, with_outputs
from schemas.spec.model import Edge, Node, ResolvedSpec, WorkflowSpec
from schemas.spec.references import Reference
from schemas.spec.rules_version import rules_of
from streams.core.runs.nodes.kind import Compiled, Compiling
from streams.core.runs.nodes.kinds import NODE_KINDS
from streams.core.runs.plan.arguments import ListOf, OutputOf, Value, compile_value, lists_named
from streams.core.runs.plan.model import Plan, PlanNode, PlanNodes


def compile_plan(resolved: ResolvedSpec) -> Plan:
    """Compile a resolved spec. Raises ``BadRecord`` for one that registration would have refused."""
    dag, apart = resolved.spec.dag, compensating(resolved.spec)
    nodes = PlanNodes(_with_wants(resolved.spec, _Graph(resolved, apart).compile(dag.nodes, dag.edges)))
    return Plan(
        resolved=resolved,
        nodes=nodes,
        roots=tuple(node for node in nodes.values() if not node.predecessors and not node.compensates),
        sinks=tuple(node for node in nodes.values() if not node.successors and not node.compensates),
        rules_version=rules_of(resolved.spec, resolved.prompts.values()),
        apart=apart,
        on_failure=tuple(dag.on_failure),
        on_cancel=tuple(dag.on_cancel),
        max_parallel=dag.max_parallel,
        deadline_ms=dag.deadline_ms,
        pins_prompts=bool(resolved.prompts) or any(child.prompts for child in resolved.children.values()),
    )


def _with_wants(spec: WorkflowSpec, nodes: dict[str, PlanNode]) -> dict[str, PlanNode]:
    """Return nodes with what rules will ask of their outputs, for runs in which these are sealed."""
    wants = wants_by_node(spec)
    if not wants:
        return nodes

    def asked(node: PlanNode) -> PlanNode:
        body = node.body if node.body is None else {id_: asked(one) for id_, one in node.body.items()}
        return replace(node, wants=wants.get(node.id, ()), body=body)

    return {id_: asked(node) for id_, node in nodes.items()}


class _Graph:
    """Compiles graphs of nodes: the workflow's own, and the bodies of its loops with the names ``around`` them."""

    def __init__(self, resolved: ResolvedSpec, apart: frozenset[str], around: frozenset[str] = frozenset()) -> None:
        self._resolved = resolved
        self._apart = apart
        self._around = around
        self._made: dict[str, Any] = {}

    def compile(self, documents: Sequence[Node], edges: Sequence[Edge]) -> dict[str, PlanNode]:
        """Return the nodes by id, in topological order. Raises ``BadRecord``."""
        apart = self._apart
        before = predecessors([node.id for node in documents], [(edge.source, edge.target) for edge in edges])
        try:
            order = topological_order(before)
        except Cycle as exc:
            raise BadRecord("bad_spec", f"the workflow has a cycle: {exc}") from exc
        above = ancestors(before, order)
        by_id = {node.id: node for node in documents}
        reach = with_outputs(widened(above, apart) if apart else above, [n.id for n in documents if n.type == "loop"])
        after: dict[str, list[str]] = {node: [] for node in order}
        for node in order:
            for source in before[node]:
                after[source].append(node)
        below = Counter(node for others in above.values() for node in others)
        early = _early(by_id, above) - apart
        plain = {id_ for id_, node in by_id.items() if _is_plain(node)} - early - apart
        nodes = {
            id_: replace(
                _compile_node(by_id[id_], i, self._compiling(reach[id_]), before[id_], tuple(after[id_])),
                alone=not early and len(above[id_]) + below[id_] + 1 == len(order) - len(apart),
                join=by_id[id_].join,
                switches=tuple(source for source in before[id_] if NODE_KINDS[by_id[source].type].chooses),
                early=id_ in early,
                ancestors=tuple(sorted(above[id_])) if id_ in early else (),
                compensates=id_ in apart,
            )
            for i, id_ in enumerate(order)
        }
        nodes = {id_: replace(node, next=_next(node, nodes, plain)) for id_, node in nodes.items()}
        every = [one for node in nodes.values() for one in (node, *(node.body or {}).values())]
        whole = {name for node in every for value in _bound(node) for name in lists_named(value)}
        return {id_: replace(node, is_listed=id_ in whole) if node.parallel else node for id_, node in nodes.items()}

    def _compiling(self, above: frozenset[str]) -> Compiling:
        return Compiling(self._resolved, above | self._around, self._made, self._body)

    def _body(self, above: frozenset[str], documents: Sequence[Node], edges: Sequence[Edge]) -> dict[str, PlanNode]:
        """Return the nodes of a loop's body. They are requested one by one, so that each may see the run's end."""
        nodes = _Graph(self._resolved, frozenset(), above | BODY_NAMES).compile(documents, edges)
        return {id_: replace(node, next=None) for id_, node in nodes.items()}


def _is_plain(node: Node) -> bool:
    return node.join is None and not node.policy.optional and node.config.condition is None


def _early(by_id: Mapping[str, Node], above: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Return the nodes that may run while one of their ancestors still does.

    The join ``any`` runs a node early. Both it and ``all`` can settle one early (``all`` by skipping it), and so
    start what follows.
    """
    hasty = {id_ for id_, node in by_id.items() if node.join in ("any", "all")}
    return frozenset(id_ for id_, node in by_id.items() if node.join == "any" or hasty & above[id_])


def _compile_node(
    node: Node, position: int, compiling: Compiling, before: tuple[str, ...], after: tuple[str, ...]
) -> PlanNode:
    config, above = node.config, compiling.above
    try:
        condition = None if config.condition is None else compile_condition(config.condition, above)
        added = NODE_KINDS[node.type].compile(node, compiling)
    except BadCondition as exc:
        raise BadRecord("bad_spec", f"a condition of node '{node.id}': {exc}") from exc
    items = _items(node, before, above) if config.parallel else None
    args = _args(node, added, items, before, above)
    return PlanNode(
        id=node.id,
        name=node.id,
        position=position,
        kind=node.type,
        policy=node.policy,
        work=added.work,
        own=added.own,
        call=added.call,
        body=added.body,
        gives=added.gives,
        label=added.label,
        others=added.others,
        cases=added.cases,
        open_versions=added.open_versions,
        condition=condition,
        parallel=config.parallel,
        items=items,
        args=tuple(args.items()),
        arg_names=frozenset(args),
        takes_run_inputs=config.inputs is None and not before and added.takes_inputs,
        predecessors=before,
        successors=after,
        queue=queue_of(node) or "",
        max_parallel=config.max_parallel,
        max_items=config.max_items,
        on_child_error=config.on_child_error,
    )


def _bound(node: PlanNode) -> Iterator[Value]:
    """Yield what is bound whole for a node's steps; a list that it maps over is taken item by item."""
    yield from (value for _, value in node.args)
    if isinstance(node.items, ListOf):
        yield node.items


def _next(node: PlanNode, nodes: Mapping[str, PlanNode], plain: Set[str]) -> str | None:
    """Return the node's only follower if it waits for nothing else, is on the same lane, and neither of them maps.

    Both must be plain: a worker knows of no other rule than that success leads to the next step. And workers of a
    queue may be anybody's and need not know chains.
    """
    if len(node.successors) != 1:
        return None
    follower = nodes[node.successors[0]]
    if len(follower.predecessors) != 1 or not {node.id, follower.id} <= plain:
        return None
    same_lane = node.policy.quality == follower.policy.quality and not (node.queue or follower.queue)
    worked = node.work is not None and follower.work is not None
    return follower.id if same_lane and worked and not node.parallel and not follower.parallel else None


def _items(node: Node, before: tuple[str, ...], above: frozenset[str]) -> Value | None:
    if node.config.items is not None:
        return compile_value(node.config.items, above)
    return OutputOf(Reference(before[0])) if len(before) == 1 else None


def _args(
    node: Node, added: Compiled, items: Value | None, before: tuple[str, ...], above: frozenset[str]
) -> dict[str, Value]:
    inputs = node.config.inputs
    if inputs is not None:
        args = {name: compile_value(value, above) for name, value in inputs.items()}
    else:
        implicit = _implicit(added, items, before) if added.takes_inputs else []
        args = {source: OutputOf(Reference(source)) for source in implicit}
    return args | {name: compile_value(value, above) for name, value in added.args.items()}


def _implicit(added: Compiled, items: Value | None, before: tuple[str, ...]) -> list[str]:
    """Return the predecessors that a node without inputs gets by their ids.

    The one whose list is mapped is left out, since each child has its item: with it every request of a map would
    carry the whole list. A prompt that names it gets it all the same.
    """
    mapped = items.reference.node if isinstance(items, OutputOf) else None
    named = frozenset[str]().union(*map(_names, _calls(added)))
    return [source for source in before if source != mapped or source in named]


def _calls(added: Compiled) -> list[LlmCall]:
    return [] if added.call is None else [added.call, *(other.call for other in added.others.values())]


def _names(call: LlmCall) -> frozenset[str]:
    return known_names(call.template, call.form) | set(call.images)
