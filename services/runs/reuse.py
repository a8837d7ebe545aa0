"""Which results of a run another one may begin with, and which nodes it does again. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from connectors.postgres.history.runs import StoredStep
from schemas.ids import child_index
from schemas.payload import Payload, inline
from schemas.records.run_events import Reused
from schemas.spec.compensation import compensating
from schemas.spec.graph import ancestors, predecessors, topological_order
from schemas.spec.loops import iteration_step, output_node
from schemas.spec.model import LoopNode, Node, WorkflowSpec


def reusable(spec: WorkflowSpec, steps: Sequence[StoredStep], again: str | None = None) -> dict[str, Reused]:
    """Return the results to begin with, by node id: of what succeeded or was skipped and need not be done again.

    Done again is ``again`` if it is given, whatever did not succeed, and everything after those.
    """
    apart = compensating(spec)
    found = {node: result for node, result in recorded(spec, steps).items() if node not in apart}
    before = predecessors((n.id for n in spec.dag.nodes), ((e.source, e.target) for e in spec.dag.edges))
    above = ancestors(before, topological_order(before))
    redone = {node for node in before if node == again or node not in found}
    return {node: found[node] for node in before if node not in redone and not above[node] & redone}


def recorded(spec: WorkflowSpec, steps: Iterable[StoredStep]) -> dict[str, Reused]:
    """Return what is recorded of every node that succeeded or was skipped, with all of its output."""
    by_node: dict[str, list[StoredStep]] = {}
    for step in steps:
        by_node.setdefault(step.node_id, []).append(step)
    found = {node.id: _of_node(node, by_node) for node in spec.dag.nodes}
    return {node: result for node, result in found.items() if result is not None}


def _of_node(node: Node, by_node: Mapping[str, list[StoredStep]]) -> Reused | None:
    result = _result(by_node.get(node.id, []), mapped=node.config.parallel)
    if result is None or result.state != "succeeded" or not isinstance(node, LoopNode):
        return result
    outputs = _iterations(node, by_node.get(output_node(node.config) or "", []))
    return None if outputs is None else msgspec.structs.replace(result, children=outputs)


def _iterations(loop: LoopNode, steps: Iterable[StoredStep]) -> list[Payload] | None:
    """Return the outputs of a loop's iterations, if every one is there; null of one whose node was skipped."""
    found = {place[1]: step for step in steps if (place := iteration_step(step.step_id)) and place[0] == loop.id}
    outputs: list[Payload] = []
    for number in range(1, len(found) + 1):
        step = found.get(number)
        if step is None or (step.status == "succeeded" and step.output is None):
            return None
        outputs.append(_payload(step.output) if step.status == "succeeded" and step.output else inline(None))
    return outputs


def _result(steps: list[StoredStep], *, mapped: bool) -> Reused | None:
    own = next((step for step in steps if step.step_id == step.node_id), None)
    if own is None:
        return None
    if own.status == "skipped":
        return Reused(state="skipped")
    if own.status != "succeeded":
        return None
    if mapped and (own.output is None or own.output.get("length") is None):
        return _children(own, steps)
    return Reused(output=_payload(own.output)) if own.output is not None else None


def _children(own: StoredStep, steps: list[StoredStep]) -> Reused | None:
    """Return the outputs of a mapped node's children, if every one is there. Of failed ones places may be left out."""
    found = {child_index(step.step_id, step.node_id): step for step in steps}
    total = own.children_total if own.children_total is not None else sum(index >= 0 for index in found)
    children = [found.get(index) for index in range(total)]
    if any(child is None or (child.output is None and child.status != "failed") for child in children):
        return None
    outputs = (child.output for child in children if child is not None)
    return Reused(children=[_payload(output) for output in outputs if output is not None])


def _payload(stored: Mapping[str, Any]) -> Payload:
    payload: Payload = msgspec.convert(dict(stored), Payload)
    return payload
