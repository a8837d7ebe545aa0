"""What a step may spend of its run's budget: what is left without what the rest of the cheapest path may cost.

The bounds of nodes come with the submission. They are reserved for the nodes that are ahead and for those that run
beside the step, so a dear step cannot take what the others need; what branches that were not taken would have cost is
free.
"""

from schemas.payload import Inline
from schemas.run_states import TERMINAL_STEP
from schemas.spec.cheapest_path import Known, cheapest_nano, path_nodes
from streams.core.runs.plan.model import PlanNode
from streams.core.runs.state.entries import Step
from streams.core.runs.state.reader import RunReader


def allowance_nano(run: RunReader, node: PlanNode) -> int | None:
    """Return what a step of a node may spend; ``None`` in a run without a budget."""
    left = run.left_nano
    if not left or node.compensates:
        return left
    bounds = run.bounds
    return max(0, left - _reserved_nano(run, node, bounds)) if bounds else left


def ahead_nano(run: RunReader) -> int:
    """Return what the cheapest path that is still ahead of a run costs at most."""
    return 0 if run.is_over else _reserved_nano(run, None, run.bounds)


def _reserved_nano(run: RunReader, own: PlanNode | None, bounds: dict[str, int]) -> int:
    if not bounds:
        return 0
    dag, apart = run.plan.resolved.spec.dag, run.plan.apart
    own_id = None if own is None else own.loop or own.id
    nodes = path_nodes([node for node in dag.nodes if node.id not in apart], dag.edges, bounds)
    known: dict[str, Known] = {}
    for node in nodes:
        step = run.step(node.id)
        if node.id == own_id:
            known[node.id] = Known()
        elif step is not None and step.state != "pending":
            known[node.id] = _known(run, node.id, step, bounds.get(node.id, 0))
    return cheapest_nano(nodes, known)


def _known(run: RunReader, node_id: str, step: Step, bound_nano: int) -> Known:
    if step.state not in TERMINAL_STEP:
        counts = run.maps.get(node_id) if step.total else None
        return Known(bound_nano if counts is None else bound_nano * (counts.total - counts.ended) // counts.total)
    to = step.value.value.get("to") if isinstance(step.value, Inline) and isinstance(step.value.value, dict) else None
    chosen = frozenset(to) if run.plan.nodes[node_id].kind == "switch" and isinstance(to, list) else None
    return Known(taken=step.state == "succeeded", chosen=chosen)
