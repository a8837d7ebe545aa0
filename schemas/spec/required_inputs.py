"""The inputs that runs of a workflow and of its nested workflows require."""

from collections.abc import Iterator, Mapping

from schemas.errors import Problem
from schemas.spec.check.nodes import ITEM_NAMES, required_inputs
from schemas.spec.loops import placed_nodes
from schemas.spec.model import ResolvedSpec, WorkflowNode
from schemas.spec.nested import pinned_key, workflow_nodes
from schemas.spec.outline import Outline, outline_of


def required_of(resolved: ResolvedSpec) -> frozenset[str]:
    """Return the inputs that every run of a resolved workflow must provide."""
    return _required(resolved, resolved.children, {})


def required_of_children(resolved: ResolvedSpec) -> dict[str, frozenset[str]]:
    """Return the required inputs of nested workflows, by the ids of the nodes that run them."""
    known: dict[str, frozenset[str]] = {}
    return {node.id: _of_child(node, resolved, resolved.children, known) for node in workflow_nodes(resolved.spec)}


def child_input_problems(resolved: ResolvedSpec) -> Iterator[Problem]:
    """Yield the required inputs that nodes certainly do not give to their nested workflows."""
    needs = required_of_children(resolved)
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


def _required(
    one: ResolvedSpec, children: Mapping[str, ResolvedSpec], known: dict[str, frozenset[str]]
) -> frozenset[str]:
    return required_inputs(
        one.spec.dag.nodes, outline_of(one.spec), one.prompts, lambda node: _of_child(node, one, children, known)
    )


def _of_child(
    node: WorkflowNode, one: ResolvedSpec, children: Mapping[str, ResolvedSpec], known: dict[str, frozenset[str]]
) -> frozenset[str]:
    key = pinned_key(node.config, one.pins)
    if key not in known:
        known[key] = _required(children[key], children, known)
    return known[key]
