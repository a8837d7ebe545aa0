"""Whether labels that were found before a run are at least as strict as those of its steps."""

from collections.abc import Iterator

from bench.flow.play import RUN, Played, status_of, steps_of
from schemas.ids import child_run_id
from schemas.labels.label import Label, label_of
from schemas.labels.mapped import Labels
from schemas.labels.paths import format_path
from schemas.records.steps import StepSecurity
from schemas.spec.loops import iteration_step
from services.security.flow.flows import Flow, NodeFlow
from services.security.flow.ground import elements
from streams.core.runs.plan.agent_ids import part_of
from streams.core.runs.state.entries import Step


def uncovered(flow: Flow, played: Played, run: str = RUN) -> Iterator[str]:
    """Yield each label of a run's steps, and of those that it started, that is stricter than was foreseen."""
    for request in played.calls:
        one = _node_of(flow, request.step_id)
        if request.run_id == run and request.security is not None and one is not None:
            yield from _of_request(one, request.step_id, request.security)
    for step_id, step in steps_of(played, run):
        one = _node_of(flow, step_id)
        if one is not None:
            yield from _of_step(one, step_id, step)
            child = child_run_id(run, step_id, step.attempt)
            if one.child is not None and status_of(played, child) is not None:
                yield from (f"{step_id}: {found}" for found in uncovered(one.child, played, child))


def _of_request(one: NodeFlow, step_id: str, said: StepSecurity) -> Iterator[str]:
    if part_of(step_id) is None and "/gather" not in step_id:
        yield from _places(f"{step_id} args", one.args, Labels.read(said.args))
    if said.context and one.context is not None:
        yield from _label(f"{step_id} context", one.context, label_of(said.context))


def _of_step(one: NodeFlow, step_id: str, step: Step) -> Iterator[str]:
    part = part_of(step_id)
    if step.decided is not None:
        control = one.context if part == "tool" and one.context is not None else one.control
        yield from _label(f"{step_id} decided", control, label_of(step.decided))
    if step.output is not None and step.total is None:
        known = _output(one, step_id) if part is None else Labels.of_whole(one.context or one.control)
        yield from _places(f"{step_id} output", known, Labels.read(step.output.labels))


def _output(one: NodeFlow, step_id: str) -> Labels:
    return elements(one.output) if one.node.config.parallel and step_id.endswith("]") else one.output


def _node_of(flow: Flow, step_id: str) -> NodeFlow | None:
    inside = iteration_step(step_id.split("/turn-", maxsplit=1)[0].split("[", maxsplit=1)[0])
    id_ = inside[2] if inside is not None else step_id.partition("/")[0].partition("[")[0]
    return flow.nodes.get(id_)


def _places(where: str, known: Labels, found: Labels) -> Iterator[str]:
    for path, _ in (*found, *known):
        strict, real = known.nearest(path), found.nearest(path)
        if not strict.covers(real):
            yield f"{where} {format_path(path)}: {real.words} is not covered by {strict.words}"


def _label(where: str, known: Label, found: Label) -> Iterator[str]:
    if not known.covers(found):
        yield f"{where}: {found.words} is not covered by {known.words}"
