"""The labels of what a node gives once it is settled, null included, see ``RunReader.output``."""

from collections.abc import Iterator

from schemas.ids import child_step_id
from schemas.labels.label import UNLABELLED, Label, joined
from schemas.labels.mapped import MAX_PLACES, Labels
from schemas.labels.paths import ROOT, Path
from schemas.spec.loops import iteration_prefix
from streams.core.runs.labels.recorded import label_from, of_payload, whole_of
from streams.core.runs.plan.agent_ids import call_ids, turn_id
from streams.core.runs.plan.model import PlanNode
from streams.core.runs.state.entries import Step
from streams.core.runs.state.reader import RunReader


def decided_of(step: Step) -> Label:
    """Return the label of what decided that a step runs or is skipped; one that does not say is trusted least."""
    return UNLABELLED if step.decided is None else label_from(step.decided)


def outcome_of(run: RunReader, step_id: str, step: Step) -> Label:
    """Return the label of how a step ended, and of its error: of all that it read, and of all that its parts did."""
    own = decided_of(step)
    if step.read is not None:
        own = own.join(label_from(step.read))
    if step.output is not None:
        own = own.join(whole_of(step.output.labels))
    return joined((own, *(outcome_of(run, id_, part) for id_, part in _parts(run, step_id, step))))


def output_of(run: RunReader, node_id: str) -> Labels:
    """Return the labels of a settled node's output. What did not succeed gave null, by what became of it."""
    if "." in node_id:
        return _iterations(run, node_id.partition(".")[0])
    step = run.step(node_id)
    if step is None:
        # The rules read no such output; a label of it would be a guess.
        return Labels.of_whole(UNLABELLED)
    if step.state != "succeeded":
        return Labels.of_whole(outcome_of(run, node_id, step))
    if step.total is not None:
        return with_parts(run, node_id, step, children_of(run, step))
    return Labels.of_whole(decided_of(step)) if step.output is None else of_payload(step.output)


def with_parts(run: RunReader, step_id: str, step: Step, labels: Labels) -> Labels:
    """Return the labels of the output of a node that succeeded, with what decided that it did.

    A node that must succeed says nothing by that: else its run ends. One that is optional, or a child whose error is
    collected, gives something else where a part of it failed: that it did not tells what its parts have read.
    """
    node = run.node_of(step)
    if not node.policy.optional and (step.index is None or node.on_child_error == "fail"):
        return labels
    parts = [outcome_of(run, id_, part) for id_, part in _parts(run, step_id, step)]
    # What decided about a run that it started is in what it has read.
    ended = [label_from(step.read)] if node.kind == "workflow" and step.read is not None else []
    return labels.raised(joined((*parts, *ended))) if parts or ended else labels


def children_of(run: RunReader, parent: Step) -> Labels:
    """Return the labels of the list that a mapped node gives."""
    left_out, node_id, total = frozenset(parent.left_out), parent.node, parent.total or 0
    steps = [(id_, run.step(id_)) for id_ in (child_step_id(node_id, index) for index in range(total))]
    length = decided_of(parent)
    if run.plan.nodes[node_id].on_child_error == "skip":
        # Which of them failed is seen in the length, and moves the places of those after it.
        length = joined((length, *(outcome_of(run, id_, step) for id_, step in steps if step is not None)))
    kept = [(id_, step) for index, (id_, step) in enumerate(steps) if index not in left_out]
    return listed([_child(run, id_, step) for id_, step in kept], length)


def iteration_of(run: RunReader, loop: PlanNode, number: int) -> Labels:
    """Return the labels of the output of a loop's iteration, null included."""
    whole = decided_of(run.recorded(loop.id))
    output = run.iteration_output(loop, number)
    if output is not None:
        return of_payload(output).raised(whole)
    step_id = f"{iteration_prefix(loop.id, number)}{loop.gives}"
    step = run.step(step_id)
    return Labels.of_whole(whole if step is None else whole.join(outcome_of(run, step_id, step)))


def listed(items: list[Labels], length: Label) -> Labels:
    """Return the labels of a list of values."""
    if len(items) > MAX_PLACES:
        return Labels.of_whole(joined((length, *(one.whole for one in items))))
    places: dict[Path, Label] = {ROOT: length}
    for index, one in enumerate(items):
        places.update(one.placed((index,)))
    return Labels(places)


def _child(run: RunReader, step_id: str, step: Step | None) -> Labels:
    if step is None:
        return Labels.of_whole(UNLABELLED)
    if step.state != "succeeded" or step.output is None:
        return Labels.of_whole(outcome_of(run, step_id, step))
    return with_parts(run, step_id, step, of_payload(step.output))


def _iterations(run: RunReader, loop_id: str) -> Labels:
    step = run.recorded(loop_id)
    if step.state != "succeeded":
        return Labels.of_whole(outcome_of(run, loop_id, step))
    loop = run.plan.nodes[loop_id]
    numbers = range(1, run.maps[loop_id].ended + 1)
    return listed([iteration_of(run, loop, number) for number in numbers], decided_of(step))


def _parts(run: RunReader, step_id: str, step: Step) -> Iterator[tuple[str, Step]]:
    """Yield the steps that a step is made of: children, turns and calls, steps of a loop's body."""
    node = run.node_of(step)
    if step.total is not None:
        yield from _known(run, (child_step_id(node.id, index) for index in range(step.total)))
    elif node.kind == "agent" and step.gather is None:
        yield from _turns(run, step_id)
    elif node.body is not None and node.id in run.maps:
        asked = range(1, run.maps[node.id].asked + 1)
        yield from _known(run, (f"{iteration_prefix(node.id, number)}{one}" for number in asked for one in node.body))


def _turns(run: RunReader, agent_id: str) -> Iterator[tuple[str, Step]]:
    number = 1
    while (said := run.step(turn_id(agent_id, number))) is not None:
        yield turn_id(agent_id, number), said
        yield from _known(run, call_ids(agent_id, number, said.calls))
        number += 1


def _known(run: RunReader, step_ids: Iterator[str] | list[str]) -> Iterator[tuple[str, Step]]:
    for step_id in step_ids:
        if (step := run.step(step_id)) is not None:
            yield step_id, step
