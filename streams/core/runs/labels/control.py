"""The label of what decides that a node runs or is skipped. It is transitive: what decided the nodes before it counts.

| what decides | whose label counts |
|---|---|
| an edge | what decided its source; of an optional source, and of a join that the first one settles, how it ended |
| a switch | the data that its cases read, up to the one that held: it is in what decided the switch |
| a condition | the data that it reads, whether it holds or not |
| a map | the label of its list's length, for each child |
| a loop | the data that its condition has read so far, for each iteration |
| an agent | all that its model has read, for each call of a tool that it requests |
| the run's end | for what compensates: the step that failed, or who canceled it |
"""

from collections.abc import Iterable

from schemas.labels.label import Label, joined
from schemas.labels.mapped import Labels
from schemas.spec.conditions import Condition
from schemas.spec.references import LOOP
from streams.core.runs.labels.arguments import Names, length_of
from streams.core.runs.labels.given import decided_of, iteration_of, outcome_of
from streams.core.runs.labels.names import end_of, names_of, so_far
from streams.core.runs.labels.pinned import Pinned
from streams.core.runs.labels.recorded import Words, words_of
from streams.core.runs.plan.agent_ids import part_of, place_of, turn_id
from streams.core.runs.plan.model import PlanNode
from streams.core.runs.state.entries import Step
from streams.core.runs.state.reader import RunReader


def decided_by(run: RunReader, security: Pinned, step_id: str, step: Step) -> Label:
    """Return the label of what decides that a step runs, or that it is skipped."""
    node = run.node_of(step)
    if (part := part_of(step_id)) is not None:
        return _of_part(run, step_id, part == "tool")
    if step.index is not None or step.gather is not None:
        return decided_of(run.recorded(node.id))
    label = joined_by(run, security, node)
    if node.condition is None and not node.parallel and not node.cases:
        return label
    names = names_of(run, security, node, step)
    if node.condition is not None:
        label = label.join(_read_by(node.condition, names))
    if step.state == "skipped":
        return label
    if node.parallel:
        label = label.join(length_of(node.items, names))
    return joined((label, *(_read_by(case, names) for case in _asked(node, step))))


def joined_by(run: RunReader, security: Pinned, node: PlanNode) -> Label:
    """Return the label of what decided about a node before it was asked itself: its edges, its loop, the run's end."""
    label = security.control.join(joined(_by_edges(run, security, node)))
    if node.compensates:
        label = label.join(end_of(run, security))
    return label if node.loop is None else label.join(decided_of(run.recorded(node.loop)))


def after_iteration(
    run: RunReader, security: Pinned, node: PlanNode, step: Step, condition: Condition, ended: int
) -> Words:
    """Return what decided about a loop once its condition was asked after so many iterations, with all before."""
    names = names_of(run, security, node, step)
    decided = Labels.of_whole(decided_of(step))
    values = {f"{LOOP}.{name}": decided for name in ("output", "previous", "iteration")}
    if ended:
        # What is asked of is that iteration, or the one before, which has decided about the loop already.
        values |= dict.fromkeys((f"{LOOP}.output", f"{LOOP}.previous"), iteration_of(run, node, ended))

    def outputs(source: str) -> Labels:
        return values[source] if source in values else names.outputs(source)

    return words_of(decided.whole.join(_read_by(condition, names.with_outputs(outputs))))


def _asked(node: PlanNode, step: Step) -> tuple[Condition, ...]:
    """Return the conditions that a switch has asked: up to the one that held."""
    chosen = step.value.value.get("case") if step.value is not None else None
    return node.cases[: chosen + 1] if isinstance(chosen, int) else node.cases


def _read_by(condition: Condition, names: Names) -> Label:
    """Return the label of the data that a condition reads."""
    outputs = (names.outputs(source).whole for source in condition.nodes)
    if condition.inputs is None:
        return joined((names.inputs.whole, *outputs))
    return joined((*(names.inputs.at((name,)).whole for name in condition.inputs), *outputs))


def _by_edges(run: RunReader, security: Pinned, node: PlanNode) -> Iterable[Label]:
    for source in node.predecessors:
        step, before = run.step(source), run.plan.nodes[source]
        if step is None or step.decided is None:
            yield so_far(run, security, before)
        elif before.policy.optional or node.join == "any" or node.compensates:
            yield outcome_of(run, source, step)
        else:
            yield decided_of(step)


def _of_part(run: RunReader, step_id: str, is_call: bool) -> Label:
    agent_id, number = place_of(step_id)
    label = decided_of(run.recorded(agent_id))
    if not is_call:
        return label
    asked = run.recorded(turn_id(agent_id, number))
    return label.join(outcome_of(run, turn_id(agent_id, number), asked))
