"""What a request says of labels: those of its arguments, of what decided that it is made, and what decides on it."""

from collections.abc import Collection, Sequence
from functools import lru_cache

from msgspec import structs

from schemas.labels.label import UNLABELLED
from schemas.labels.mapped import Labels
from schemas.labels.paths import Path, format_path
from schemas.payload import Payload
from schemas.records.security.pinned import RunSecurity
from schemas.records.steps import ChainedStep, OutputLink, StepRequest, StepSecurity
from streams.core.runs.labels.arguments import recorded_of
from streams.core.runs.labels.names import names_of
from streams.core.runs.labels.pinned import Pinned, Work
from streams.core.runs.labels.plain import NOT_YET, chained_before
from streams.core.runs.labels.recorded import Words, label_from, read, whole_of, words_of
from streams.core.runs.labels.results import result_of
from streams.core.runs.labels.steps import arguments, declared_of
from streams.core.runs.plan.agent_ids import part_of
from streams.core.runs.plan.model import PlanNode
from streams.core.runs.state.entries import Step
from streams.core.runs.state.reader import RunReader


def of_request(run: RunReader, security: Pinned, step_id: str, step: Step, work: Work) -> StepSecurity:
    """Return the security of a request for a step's current attempt, made from state alone."""
    plain = run.labels.plain
    if plain is None or plain[0] != step_id or step.approvals or work is not run.node_of(step).work:
        return _of_request(run, security, step_id, step, work)
    begun = plain[1]
    if begun.security is None:
        begun.security = _of_request(run, security, step_id, step, work)
    return begun.security


def _of_request(run: RunReader, security: Pinned, step_id: str, step: Step, work: Work) -> StepSecurity:
    record = security.record
    of_agent = part_of(step_id) is not None
    return StepSecurity(
        policy=record.policy,
        policy_hash=record.policy_hash,
        mode=record.mode,
        args=arguments(run, security, step_id, step).recorded,
        control=list(_said(step.decided)),
        context=list(_said(step.read)) if of_agent else [],
        tool=None if step.gather is not None else declared_of(run, security, work, run.node_of(step)),
        tools=dict(security.tools_of(work)),
        agent=of_agent,
        approvals=list(step.approvals),
    )


def of_child(run: RunReader, security: Pinned, step_id: str, step: Step) -> RunSecurity:
    """Return the security of the run that a step starts: of the same policy, with labels of its inputs."""
    inputs = arguments(run, security, step_id, step).recorded
    return structs.replace(security.record, inputs=inputs, control=list(_said(step.decided)))


def of_chained(run: RunReader, security: Pinned, node: PlanNode, work: Work, inside: Collection[str]) -> StepSecurity:
    """Return the security of a step that is chained to another one. Outputs of the chain's own steps are not there yet.

    The step after a plain one runs whenever that one does, so what decided is the same.
    """
    if work is not node.work:
        return _of_chained(run, security, node, work, inside)
    return chained_before(run, security, node, inside, lambda: _of_chained(run, security, node, work, inside))


def _of_chained(run: RunReader, security: Pinned, node: PlanNode, work: Work, inside: Collection[str]) -> StepSecurity:
    names = names_of(run, security, node, None)

    def outputs(source: str) -> Labels:
        return NOT_YET if source in inside else names.outputs(source)

    return StepSecurity(
        args=dict(recorded_of(node, names.with_outputs(outputs))),
        tool=declared_of(run, security, work, node),
    )


def given_by(request: StepRequest, output: Payload) -> Labels | None:
    """Return the labels that the fold gives a request's output, for the worker that has it first.

    ``None`` in a run without labels.
    """
    said = request.security
    if said is None:
        return None
    return result_of(said.tool, whole_of(said.args), label_from(tuple(said.control)), output)


def filled(step: ChainedStep, mine: Sequence[OutputLink], labels: Labels | None) -> StepSecurity | None:
    """Return the security of a chained step with the labels of an output that it needs."""
    said = step.security
    if said is None or labels is None:
        return said
    args = dict(said.args)
    for link in mine:
        args |= _written(labels, tuple(link.path), tuple(link.at))
    return structs.replace(said, args=args)


@lru_cache(2048)
def _written(labels: Labels, path: Path, at: Path) -> dict[str, list[str]]:
    """Return the labels of a part of a value by their paths where it is put. They are shared, and not changed."""
    return {format_path(path): label.words for path, label in labels.at(path).placed(at).items()}


def of_next(before: StepRequest, step: ChainedStep) -> StepSecurity | None:
    """Return the security of the request for a chained step, as the fold would make it.

    A chained step that says nothing of its own is trusted least: in such a run nothing is undecided on.
    """
    if before.security is None:
        return None
    said = step.security if step.security is not None else StepSecurity()
    return structs.replace(before.security, args=read(said.args).recorded, tool=said.tool, tools={}, approvals=[])


def _said(words: Words | None) -> Words:
    """Return a label that a step keeps; of one that does not say, the least trusted."""
    return words_of(UNLABELLED) if words is None else words
