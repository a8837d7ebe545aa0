"""The inputs that runs of a workflow and of its nested workflows require.

``required_of`` are those that templates need: the fold refuses a child without them. ``needed_of`` has those, too, that
only conditions read: a submission must give them, unless a condition asks ``has(inputs.x)``.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from schemas.errors import Problem
from schemas.spec.check.nodes import ITEM_NAMES, required_inputs
from schemas.spec.inputs.condition_inputs import inputs_of_conditions
from schemas.spec.loops import placed_nodes
from schemas.spec.model import Node, ResolvedSpec, WorkflowNode
from schemas.spec.nested import pinned_key, workflow_nodes
from schemas.spec.text.outline import Outline, outline_of

Further = Callable[[Iterable[Node]], frozenset[str]]
"""Returns what a workflow's nodes need beside what their templates do."""


def required_of(resolved: ResolvedSpec) -> frozenset[str]:
    """Return the inputs that the templates of a resolved workflow need."""
    return _required(resolved, resolved.children, {}, _no_conditions)


def needed_of(resolved: ResolvedSpec, children: Mapping[str, ResolvedSpec] | None = None) -> frozenset[str]:
    """Return the inputs that every submission of a resolved workflow must give.

    ``children`` are the workflows that it reaches, if it is one of them itself.
    """
    return _required(resolved, resolved.children if children is None else children, {}, _conditions)


def needed_of_children(resolved: ResolvedSpec) -> dict[str, frozenset[str]]:
    """Return the inputs that nested workflows need, by the ids of the nodes that run them."""
    known: dict[str, frozenset[str]] = {}
    return {
        node.id: _of_child(node, resolved, resolved.children, known, _conditions)
        for node in workflow_nodes(resolved.spec)
    }


def child_input_problems(resolved: ResolvedSpec) -> Iterator[Problem]:
    """Yield the required inputs that nodes certainly do not give to their nested workflows."""
    needs = needed_of_children(resolved)
    outline = outline_of(resolved.spec) if needs else None
    for path, node in placed_nodes(resolved.spec):
        if isinstance(node, WorkflowNode) and outline is not None:
            within = next((body for body in outline.inner.values() if node.id in body.before), outline)
            yield from _node_problems(path, node, needs[node.id], within)


def _node_problems(path: str, node: WorkflowNode, needed: frozenset[str], outline: Outline) -> Iterator[Problem]:
    before, inputs = outline.before[node.id], node.config.inputs
    if inputs is None and not before:
        return  # it gets the run's inputs, so those are required of every submission
    given = set(before) | (ITEM_NAMES if node.config.parallel else set()) if inputs is None else set(inputs)
    for name in sorted(needed - given):
        yield Problem(
            f"{path}.config.{'workflow' if inputs is None else 'inputs'}",
            f"the workflow '{node.config.workflow}' needs the input '{name}', which '{node.id}' does not give",
            f"add `{name}` to `inputs`; given are {', '.join(sorted(given)) or 'none'}",
        )


def _no_conditions(_: Iterable[Node]) -> frozenset[str]:
    return frozenset()


def _conditions(nodes: Iterable[Node]) -> frozenset[str]:
    return inputs_of_conditions(nodes).needed


def _required(
    one: ResolvedSpec, children: Mapping[str, ResolvedSpec], known: dict[str, frozenset[str]], further: Further
) -> frozenset[str]:
    nodes = one.spec.dag.nodes
    return further(nodes) | required_inputs(
        nodes, outline_of(one.spec), one.prompts, lambda node: _of_child(node, one, children, known, further)
    )


def _of_child(
    node: WorkflowNode,
    one: ResolvedSpec,
    children: Mapping[str, ResolvedSpec],
    known: dict[str, frozenset[str]],
    further: Further,
) -> frozenset[str]:
    key = pinned_key(node.config, one.pins)
    if key not in known:
        known[key] = _required(children[key], children, known, further)
    return known[key]
