"""Where the labels of names are looked up for a node's step: as ``requests.step_request.node_scope``, for labels."""

from schemas.labels.label import Integrity, Label, joined
from schemas.labels.mapped import Labels
from schemas.run_states import TERMINAL_STEP
from schemas.spec.loops import iteration_prefix
from schemas.spec.references import LOOP
from streams.core.runs.labels.arguments import Names, item_of
from streams.core.runs.labels.given import decided_of, iteration_of, outcome_of, output_of
from streams.core.runs.labels.pinned import Pinned
from streams.core.runs.labels.recorded import label_from
from streams.core.runs.plan.model import PlanNode
from streams.core.runs.state.entries import Step
from streams.core.runs.state.reader import RunReader

#: What a person or system with a key decides: a cancel, and the data of a signal.
BY_USER = Label(Integrity.USER, origins=frozenset({"signal"}))


def names_of(run: RunReader, security: Pinned, node: PlanNode, step: Step | None) -> Names:
    """Return where names are looked up for a node's step, or for a child's with its item."""
    if node.compensates:
        return _names_after(run, security)
    if node.loop is not None:
        return _names_inside(run, security, node, node.loop, step)
    own = step if step is None or step.index is None else run.step(node.id)
    unseen = own.unseen if node.early and own is not None else ()

    def outputs(source: str) -> Labels:
        named = source.partition(".")[0]
        # A node that its join skips while others still run has a condition all the same, which nobody asks.
        if named in unseen or not run.settled(named):
            return Labels.of_whole(so_far(run, security, run.plan.nodes[named]))
        return output_of(run, source)

    names = Names(security.inputs, outputs)
    if step is None or step.index is None or own is None:
        return names
    return Names(security.inputs, outputs, item_of(node.items, names, step.index), decided_of(own))


def so_far(run: RunReader, security: Pinned, node: PlanNode) -> Label:
    """Return the label of all that has decided about a node until now, settled or not."""
    step = run.step(node.id)
    if step is not None and step.decided is not None:
        return decided_of(step) if step.read is None else decided_of(step).join(label_from(step.read))
    before = [so_far(run, security, run.plan.nodes[source]) for source in node.predecessors]
    around = [so_far(run, security, run.plan.nodes[node.loop])] if node.loop is not None else []
    return joined((security.control, *before, *around))


def end_of(run: RunReader, security: Pinned) -> Label:
    """Return the label of what ended a run, for what compensates: the step that failed, or who canceled it."""
    label = security.control
    if run.status == "canceled":
        return label.join(BY_USER)
    failed = run.error.step_id if run.error is not None else None
    step = run.step(failed) if failed is not None else None
    if failed is not None and step is not None:
        return label.join(outcome_of(run, failed, step))
    # Its time was up: by what was still open.
    open_ = (outcome_of(run, id_, one) for id_, one in run.steps() if one.state not in ("succeeded", "skipped"))
    return joined((label, *open_))


def _names_inside(run: RunReader, security: Pinned, node: PlanNode, loop_id: str, step: Step | None) -> Names:
    loop = run.plan.nodes[loop_id]
    around = names_of(run, security, loop, run.step(loop_id))
    inside, prefix = loop.body or {}, iteration_prefix(loop_id, node.iteration)
    unseen = () if step is None else step.unseen

    def outputs(source: str) -> Labels:
        step_id = f"{prefix}{source}"
        if source in inside:
            if step_id in unseen or not run.settled(step_id):
                return Labels.of_whole(so_far(run, security, run.plan.nodes[step_id]))
            return output_of(run, step_id)
        if source == f"{LOOP}.iteration":
            return Labels.of_whole(decided_of(run.recorded(loop_id)))
        if source == f"{LOOP}.previous":
            return iteration_of(run, loop, node.iteration - 1)
        return around.outputs(source)

    return Names(around.inputs, outputs)


def _names_after(run: RunReader, security: Pinned) -> Names:
    end = end_of(run, security)

    def outputs(source: str) -> Labels:
        step = run.step(source.partition(".")[0])
        if step is None or step.state not in TERMINAL_STEP:
            return Labels.of_whole(end)
        return output_of(run, source if step.state == "succeeded" else source.partition(".")[0])

    return Names(security.inputs, outputs, others=dict.fromkeys(("run_error_code", "run_error_message"), end))
