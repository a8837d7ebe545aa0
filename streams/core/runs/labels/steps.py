"""What a step gets when it begins and when it ends: the labels of what decided it, what it read and what it gave."""

from typing import TypeVar

from msgspec import structs

from schemas.labels.label import TRUSTED, UNLABELLED, Label, joined
from schemas.labels.mapped import Labels
from schemas.payload import Inline, Payload
from schemas.records.security.pinned import ToolSecurity
from schemas.records.steps import ToolCall
from streams.core.runs.labels.arguments import arguments_of
from streams.core.runs.labels.control import decided_by, joined_by
from streams.core.runs.labels.given import children_of, decided_of, iteration_of, outcome_of, with_parts
from streams.core.runs.labels.names import BY_USER, names_of
from streams.core.runs.labels.pinned import Begun, Pinned, Work
from streams.core.runs.labels.plain import begun_before, given_as_read
from streams.core.runs.labels.recorded import Words, label_from, words_of
from streams.core.runs.labels.results import result_of, said_by, source_of
from streams.core.runs.plan.agent_ids import call_ids, part_of, place_of, turn_id
from streams.core.runs.plan.model import PlanNode
from streams.core.runs.state.entries import Step
from streams.core.runs.state.reader import RunReader

PayloadT = TypeVar("PayloadT", bound=Payload)


def begun(run: RunReader, security: Pinned, step_id: str, step: Step) -> Step:
    """Return a step that begins, with the labels of what decided it and of all that it reads."""
    decided, read = step.decided, step.read
    if decided is not None and read is not None:
        return step
    if decided is None and read is None:
        found = begun_before(run, security, step_id, step, lambda: _begun(run, security, step_id, step))
        if found is not None:
            return structs.replace(step, decided=found.decided, read=found.read)
    label = decided_by(run, security, step_id, step) if decided is None else label_from(decided)
    if decided is None:
        decided = words_of(label)
    if read is None:
        reads = _read(run, security, step_id, step, label)
        read = decided if reads is label else words_of(reads)
    return structs.replace(step, decided=decided, read=read)


def _begun(run: RunReader, security: Pinned, step_id: str, step: Step) -> Begun:
    label = decided_by(run, security, step_id, step)
    reads = _read(run, security, step_id, step, label)
    return Begun(words_of(label), words_of(reads), arguments(run, security, step_id, step))


def skipped(run: RunReader, security: Pinned, step_id: str, step: Step, asked: Step | None) -> Step:
    """Return a step that is skipped, with the label of what decided: its condition if that was asked, or its join."""
    if asked is None:
        decided = joined_by(run, security, run.node_of(step))
    else:
        decided = decided_by(run, security, step_id, structs.replace(asked, state="skipped"))
    return structs.replace(step, decided=words_of(decided))


def arguments(run: RunReader, security: Pinned, step_id: str, step: Step) -> Labels:
    """Return the labels of a step's arguments. Calls that an agent requests are made of all that it has read."""
    part = part_of(step_id)
    if part == "tool":
        return Labels.of_whole(context_of(run, step_id))
    owner, id_ = step, step_id
    if part == "turn":
        id_, _ = place_of(step_id)
        owner = run.step(id_) or step
    return run.labels.of(id_, lambda: _arguments(run, security, owner))


def context_of(run: RunReader, part_id: str) -> Label:
    """Return the label of all that an agent has read before a turn, or before it requested a call."""
    agent_id, number = place_of(part_id)
    if part_of(part_id) == "tool":
        asked = turn_id(agent_id, number)
        return outcome_of(run, asked, run.recorded(asked))
    own = run.step(agent_id)
    label = UNLABELLED if own is None or own.read is None else label_from(own.read)
    for one in range(1, number):
        said = run.recorded(turn_id(agent_id, one))
        ids = [turn_id(agent_id, one), *call_ids(agent_id, one, said.calls)]
        parts = ((id_, run.step(id_)) for id_ in ids)
        label = joined((label, *(outcome_of(run, id_, part) for id_, part in parts if part is not None)))
    return label


def ended(run: RunReader, security: Pinned, step_id: str, step: Step) -> Step:
    """Return a step that has just ended with the labels of its output, or of its error."""
    value = step.value
    if step.state == "succeeded" and value is not None and not value.labels:
        found = given_as_read(
            run, security, step_id, step, lambda node: declared_of(run, security, node.asked, node) is None
        )
        if found is not None:
            return structs.replace(step, value=Inline(value=value.value, labels=found))
    work = work_of(run, step_id, step)
    if step.state == "failed":
        source = TRUSTED if work is None else source_of(declared_of(run, security, work, run.node_of(step)))
        return structs.replace(step, read=words_of(label_from(step.read or ()).join(source)))
    if step.value is not None:
        return structs.replace(
            step, value=_labelled(step.value, _output(run, security, work, step_id, step, step.value))
        )
    if step.stored is not None:
        return structs.replace(
            step, stored=_labelled(step.stored, _output(run, security, work, step_id, step, step.stored))
        )
    return step


def _arguments(run: RunReader, security: Pinned, step: Step) -> Labels:
    if step.gather is not None:
        return Labels.of_whole(children_of(run, run.recorded(step.node)).whole)
    node = run.node_of(step)
    return arguments_of(node, names_of(run, security, node, step))


def _read(run: RunReader, security: Pinned, step_id: str, step: Step, decided: Label) -> Label:
    if part_of(step_id) is not None:
        return context_of(run, step_id).join(decided)
    if step.total is not None:
        # A mapped node reads its list item by item.
        return decided
    return arguments(run, security, step_id, step).whole.join(decided)


def _output(run: RunReader, security: Pinned, work: Work | None, step_id: str, step: Step, output: Payload) -> Labels:
    decided = decided_of(step)
    if step.total is not None:
        return with_parts(run, step_id, step, children_of(run, step))
    if work is not None:
        declared = None if step.gather is not None else declared_of(run, security, work, run.node_of(step))
        return result_of(declared, label_from(step.read or ()), decided, output)
    node = run.node_of(step)
    kind = node.kind
    if kind == "loop":
        return with_parts(run, step_id, step, iteration_of(run, node, run.maps[node.id].ended))
    own = decided.join(BY_USER) if kind == "signal" else decided
    if kind == "wait":
        own = own.join(label_from(step.read or ()))
    labels = with_parts(run, step_id, step, said_by(output).raised(own))
    if kind == "agent" and security.is_closed(run.header.workflow_name, node.name):
        return Labels.of_whole(structs.replace(labels.whole, integrity=decided.integrity))
    return labels


def declared_of(run: RunReader, security: Pinned, work: Work, node: PlanNode) -> ToolSecurity | None:
    """Return what is declared of what a node's step calls, see ``Pinned.declared``."""
    if node.kind == "agent" and not isinstance(work, ToolCall):
        # Only an agent's answer has its schema, and a turn may be anything.
        return None
    return security.declared(work, run.header.workflow_name, node.name)


def work_of(run: RunReader, step_id: str, step: Step) -> Work | None:
    """Return what a worker did for a step, ``None`` if none worked on it."""
    node = run.node_of(step)
    part = part_of(step_id)
    if part == "tool":
        agent_id, number = place_of(step_id)
        calls = run.recorded(turn_id(agent_id, number)).calls
        return ToolCall(name=calls[call_ids(agent_id, number, calls).index(step_id)].name)
    if part == "turn":
        return node.call
    return None if step.total is not None else node.work


def also_read(step: Step, words: list[str]) -> Words:
    """Return what a step has read with something more, which is trusted least where it does not say its label."""
    more = label_from(tuple(words)) if words else UNLABELLED
    return words_of(label_from(step.read or ()).join(more))


def least_trusted(payload: Payload) -> Payload:
    """Return a payload that says nothing of itself as the least trusted."""
    return _labelled(payload, Labels.of_whole(UNLABELLED))


def _labelled(payload: PayloadT, labels: Labels) -> PayloadT:
    return structs.replace(payload, labels=labels.recorded)
