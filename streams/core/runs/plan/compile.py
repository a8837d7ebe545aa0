"""A workflow compiled for folding: order, neighbours, parsed arguments, and the work of each node. Immutable."""

from collections import Counter
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, replace
from typing import TypeVar

from schemas.errors import BadRecord
from schemas.records.steps import FunctionCall, LlmCall, ToolCall
from schemas.spec.check.nodes import queue_of
from schemas.spec.compensation import compensating, widened
from schemas.spec.conditions import BadCondition, Condition, compile_condition
from schemas.spec.graph import Cycle, ancestors, predecessors, topological_order
from schemas.spec.model import (
    AgentNode,
    FunctionNode,
    Join,
    LlmNode,
    Node,
    NodeKind,
    OnChildError,
    ResolvedSpec,
    ToolNode,
    WorkflowNode,
)
from schemas.spec.policy import Policy
from schemas.spec.references import Reference, variables_of
from schemas.spec.rules_version import FIRST, rules_of
from streams.core.runs.plan.arguments import ListOf, OutputOf, Value, compile_value, lists_named
from streams.core.runs.plan.child_specs import child_specs
from streams.core.runs.plan.switch import Switch, compile_switch
from streams.core.runs.plan.waiting_nodes import FOLDED, Agent, ChildSpec, Dynamic, compile_dynamic, dynamic_args
from streams.core.runs.transitions import ImpossibleMove

Work = LlmCall | ToolCall | FunctionCall
DynamicT = TypeVar("DynamicT", bound=Dynamic)

#: Children of one map that are open at once unless the node says otherwise. More would only wait on the lane, and an
#: event that asks for tens of thousands at once would hold up the other runs of its partition.
MAX_OPEN = 1_000


@dataclass(frozen=True, slots=True)
class PlanNode:
    """One node. ``args`` are bound in order; ``takes_run_inputs`` puts the run's inputs below them.

    ``items`` is what a ``parallel`` node maps over. ``next`` is the node that may follow it in a chain. ``alone``:
    while it runs nothing else of its run does, since every other node is before or after it. ``work`` is what a worker
    does for it; a node that no worker works on has ``dynamic`` or ``switch`` instead. ``switches`` are the predecessors
    that are switches. ``early``: it may run while one of its ``ancestors`` (known only then) still does, because of its
    own join or of one before it. ``is_listed``: some node takes its output as a whole.
    """

    id: str
    position: int
    kind: NodeKind
    policy: Policy
    work: Work | None
    parallel: bool
    items: Value | None
    args: tuple[tuple[str, Value], ...]
    arg_names: frozenset[str]
    takes_run_inputs: bool
    predecessors: tuple[str, ...]
    successors: tuple[str, ...]
    next: str | None = None
    alone: bool = False
    join: Join | None = None
    early: bool = False
    ancestors: tuple[str, ...] = ()
    dynamic: Dynamic | None = None
    condition: Condition | None = None
    switch: Switch | None = None
    switches: tuple[str, ...] = ()
    queue: str = ""
    max_parallel: int | None = None
    on_child_error: OnChildError = "fail"
    is_listed: bool = False
    compensates: bool = False

    @property
    def most_open(self) -> int:
        """How many children of a mapped node are open at once, at most."""
        return self.max_parallel or MAX_OPEN

    @property
    def asked_call(self) -> LlmCall | None:
        """The model's call, of a node that asks one."""
        call = self.dynamic.call if isinstance(self.dynamic, Agent) else self.work
        return call if isinstance(call, LlmCall) else None

    def folded(self, kind: type[DynamicT]) -> DynamicT:
        """Return what the fold does for the node, which is of that kind. Raises ``ImpossibleMove``."""
        if not isinstance(self.dynamic, kind):
            raise ImpossibleMove(f"'{self.id}' is of type {self.kind}, and a rule takes it for a {kind.__name__}")
        return self.dynamic

    @property
    def asked(self) -> Work:
        """What a worker is asked for. Raises ``ImpossibleMove`` for a node that no worker works on."""
        if self.work is None:
            raise ImpossibleMove(f"no worker works on '{self.id}', which is of type {self.kind}")
        return self.work


@dataclass(frozen=True, slots=True)
class Plan:
    """A compiled workflow. ``nodes`` are in topological order; ``resolved`` is what it was compiled from.

    ``rules_version`` is the number of the rules that it needs. ``apart`` are the nodes that only compensate; ``roots``
    and ``sinks`` are of the others.
    """

    resolved: ResolvedSpec
    nodes: Mapping[str, PlanNode]
    roots: tuple[PlanNode, ...]
    sinks: tuple[PlanNode, ...]
    rules_version: int = FIRST
    apart: frozenset[str] = frozenset()
    on_failure: tuple[str, ...] = ()
    on_cancel: tuple[str, ...] = ()
    max_parallel: int | None = None
    deadline_ms: int | None = None

    @property
    def size(self) -> int:
        """How many nodes decide how the run ends."""
        return len(self.nodes) - len(self.apart)


def compile_plan(resolved: ResolvedSpec) -> Plan:
    """Compile a resolved spec. Raises ``BadRecord`` for one that registration would have refused."""
    dag = resolved.spec.dag
    before = predecessors([node.id for node in dag.nodes], [(edge.source, edge.target) for edge in dag.edges])
    try:
        order = topological_order(before)
    except Cycle as exc:
        raise BadRecord("bad_spec", f"the workflow has a cycle: {exc}") from exc
    above = ancestors(before, order)
    by_id = {node.id: node for node in dag.nodes}
    apart = compensating(resolved.spec)
    reach = widened(above, apart) if apart else above
    after: dict[str, list[str]] = {node: [] for node in order}
    for node in order:
        for source in before[node]:
            after[source].append(node)
    below = Counter(node for others in above.values() for node in others)
    early = _early(by_id, above) - apart
    children = child_specs(resolved)
    plain = {id_ for id_, node in by_id.items() if _is_plain(node)} - early - apart
    nodes = {
        id_: replace(
            _compile_node(by_id[id_], i, resolved, children.get(id_), before[id_], tuple(after[id_]), reach[id_]),
            next=_next(by_id[id_], by_id, before, after[id_], plain),
            alone=not early and len(above[id_]) + below[id_] + 1 == len(order) - len(apart),
            join=by_id[id_].join,
            switches=tuple(source for source in before[id_] if by_id[source].type == "switch"),
            early=id_ in early,
            ancestors=tuple(sorted(above[id_])) if id_ in early else (),
            compensates=id_ in apart,
        )
        for i, id_ in enumerate(order)
    }
    whole = {name for node in nodes.values() for value in _bound(node) for name in lists_named(value)}
    nodes = {id_: replace(node, is_listed=id_ in whole) if node.parallel else node for id_, node in nodes.items()}
    return Plan(
        resolved=resolved,
        nodes=nodes,
        roots=tuple(node for node in nodes.values() if not node.predecessors and not node.compensates),
        sinks=tuple(node for node in nodes.values() if not node.successors and not node.compensates),
        rules_version=rules_of(resolved.spec),
        apart=apart,
        on_failure=tuple(dag.on_failure),
        on_cancel=tuple(dag.on_cancel),
        max_parallel=dag.max_parallel,
        deadline_ms=dag.deadline_ms,
    )


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
    node: Node,
    position: int,
    resolved: ResolvedSpec,
    child: ChildSpec | None,
    before: tuple[str, ...],
    after: tuple[str, ...],
    above: frozenset[str],
) -> PlanNode:
    dynamic = compile_dynamic(node, _llm_call(node, resolved) if isinstance(node, AgentNode) else None, child)
    condition, switch = _conditions(node, above)
    work = _work(node, resolved) if dynamic is None and switch is None else None
    asks = dynamic.call if isinstance(dynamic, Agent) else work
    items = _items(node, before, above) if node.config.parallel else None
    args = _args(node, asks, items, before, above)
    return PlanNode(
        id=node.id,
        position=position,
        kind=node.type,
        policy=node.policy,
        work=work,
        dynamic=dynamic,
        condition=condition,
        switch=switch,
        parallel=node.config.parallel,
        items=items,
        args=tuple(args.items()),
        arg_names=frozenset(args),
        takes_run_inputs=node.config.inputs is None and not before and (asks is not None or child is not None),
        predecessors=before,
        successors=after,
        queue=queue_of(node) or "",
        max_parallel=node.config.max_parallel,
        on_child_error=node.config.on_child_error,
    )


def _bound(node: PlanNode) -> Iterator[Value]:
    """Yield what is bound whole for a node's steps; a list that it maps over is taken item by item."""
    yield from (value for _, value in node.args)
    if isinstance(node.items, ListOf):
        yield node.items


def _conditions(node: Node, above: frozenset[str]) -> tuple[Condition | None, Switch | None]:
    text = node.config.condition
    try:
        return None if text is None else compile_condition(text, above), compile_switch(node, above)
    except BadCondition as exc:
        raise BadRecord("bad_spec", f"a condition of node '{node.id}': {exc}") from exc


def _next(
    node: Node,
    by_id: Mapping[str, Node],
    before: Mapping[str, tuple[str, ...]],
    after: list[str],
    plain: Set[str],
) -> str | None:
    """Return the node's only follower if it waits for nothing else, is on the same lane, and neither of them maps.

    Both must be plain: a worker knows of no other rule than that success leads to the next step. And workers of a
    queue may be anybody's and need not know chains.
    """
    if len(after) != 1 or len(before[after[0]]) != 1 or not {node.id, after[0]} <= plain:
        return None
    follower = by_id[after[0]]
    same_lane = node.policy.quality == follower.policy.quality and not (queue_of(node) or queue_of(follower))
    if {node.type, follower.type} & (FOLDED | {"switch"}):
        return None
    return follower.id if same_lane and not node.config.parallel and not follower.config.parallel else None


def _work(node: Node, resolved: ResolvedSpec) -> Work:
    if isinstance(node, ToolNode):
        return ToolCall(name=node.config.tool_name, config=node.config.tool_config)
    if isinstance(node, FunctionNode):
        return FunctionCall(name=node.config.function_name, config=node.config.function_config)
    if isinstance(node, LlmNode):
        return _llm_call(node, resolved)
    raise BadRecord("bad_spec", f"node '{node.id}' has the type {node.type}, which these rules do not know")


def _llm_call(node: LlmNode | AgentNode, resolved: ResolvedSpec) -> LlmCall:
    config = node.config
    prompt = resolved.prompts.get(config.prompt_ref)
    if prompt is None:
        raise BadRecord("bad_spec", f"node '{node.id}' has the prompt {config.prompt_ref}, which is not pinned")
    return LlmCall(
        prompt_name=prompt.name,
        prompt_version=prompt.version,
        prompt_hash=prompt.hash,
        template=prompt.template,
        provider=config.provider,
        model=config.model,
        max_tokens=config.max_tokens,
        temperature=config.temperature,
        cache=config.cache,
        images=list(config.images),
        system=config.system,
        output_schema=config.output_schema,
        stop=list(config.stop),
        seed=config.seed,
        reasoning_effort=config.reasoning_effort,
    )


def _items(node: Node, before: tuple[str, ...], above: frozenset[str]) -> Value | None:
    if node.config.items is not None:
        return compile_value(node.config.items, above)
    return OutputOf(Reference(before[0])) if len(before) == 1 else None


def _args(
    node: Node, work: Work | None, items: Value | None, before: tuple[str, ...], above: frozenset[str]
) -> dict[str, Value]:
    config = node.config
    if config.inputs is not None:
        args = {name: compile_value(value, above) for name, value in config.inputs.items()}
    else:
        gets = work is not None or isinstance(node, WorkflowNode)
        args = {source: OutputOf(Reference(source)) for source in _implicit(work, items, before)} if gets else {}
    if isinstance(node, ToolNode):
        args |= {name: compile_value(value, above) for name, value in node.config.tool_args.items()}
    elif isinstance(node, FunctionNode):
        args |= {name: compile_value(value, above) for name, value in node.config.function_args.items()}
    return args | {name: compile_value(value, above) for name, value in dynamic_args(node).items()}


def _implicit(work: Work | None, items: Value | None, before: tuple[str, ...]) -> list[str]:
    """Return the predecessors that a node without inputs gets by their ids.

    The one whose list is mapped is left out, since each child has its item: with it every request of a map would
    carry the whole list. A prompt that names it gets it all the same.
    """
    mapped = items.reference.node if isinstance(items, OutputOf) else None
    named = variables_of(work.template) | set(work.images) if isinstance(work, LlmCall) else frozenset()
    return [source for source in before if source != mapped or source in named]
