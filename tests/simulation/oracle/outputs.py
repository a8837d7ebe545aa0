"""Outputs by value, and decisions: every step has the very output that its workflow and its inputs say."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from schemas.payload import Inline
from schemas.records.run_events import ChildFinished
from schemas.records.run_views import StepView
from schemas.spec.model import Node
from schemas.timestamps import format_time
from tests.simulation.oracle.ends import apart
from tests.simulation.oracle.history import History, Moment, Story
from tests.simulation.oracle.values import NOTHING, Unsure, args, as_of, before, count, holds, output, value
from tests.simulation.world.answers import VARIANT, right


def check(history: History) -> Iterator[str]:
    """Yield what is wrong with outputs, choices and what was skipped."""
    for story in history.stories.values():
        for scope in (story, *story.iterations.values()):
            yield from _steps(history, scope)
        yield from _of_run(story)


def _steps(history: History, story: Story) -> Iterator[str]:
    for step_id in story.own_steps:
        step = story.last(step_id)
        assert step is not None
        node = story.nodes[step.node_id]
        with suppress(Unsure):
            if step.state == "succeeded" and "/gather" not in step_id and step.reused_from is None:
                yield from _output(history, story, node, step)
            if step.state in ("skipped", "succeeded", "failed") and step_id == node.id:
                yield from _decision(story, node, step)


def _output(history: History, story: Story, node: Node, step: StepView) -> Iterator[str]:
    expected = _expected(history, story, node, step)
    found = value(step)
    is_worked = node.type in ("function", "agent") and not _is_mapped(node, step)
    if is_worked and isinstance(found, int):
        found %= VARIANT
    if expected is not NOTHING and found != expected:
        yield f"{story.id}: {step.step_id} gave {value(step)}, and the right output is {expected}"


def _is_mapped(node: Node, step: StepView) -> bool:
    return node.config.parallel and step.step_id == node.id


def _expected(history: History, story: Story, node: Node, step: StepView) -> Any:
    """Return the right output of a step that succeeded."""
    first = story.steps[step.step_id][0]
    if _is_mapped(node, step):
        children = [step_id for step_id in story.steps if step_id.startswith(f"{node.id}[")]
        return value(step) if len(children) == count(story, node, as_of(story, node.id, first)) else len(children)
    if node.type == "function":
        return _worked(story, step, story.steps[node.id][0] if node.config.parallel else first)
    if node.type == "agent":
        return _of_agent(story, step)
    if node.type == "wait":
        return {"until": format_time((step.requested_at_ms or 0) + (node.config.duration_ms or 0))}
    if node.type == "switch":
        return _choice(story, node, first)
    if node.type == "workflow":
        return _of_child(history, story, step)
    return NOTHING


def _worked(story: Story, step: StepView, asked: Moment, transcript: Sequence[Any] = ()) -> int:
    """Return what a worker says. All attempts of a step, and children of a map, see what its first one saw."""
    return right(
        story.run.run_id,
        f"{story.prefix}{step.step_id}",
        args(story, step, as_of(story, step.node_id, asked)),
        list(transcript),
    )


def _of_agent(story: Story, step: StepView) -> Any:
    """Return what an agent, or a part of one, gives."""
    agent, slash, part = step.step_id.partition("/turn-")
    if not slash:
        last = story.last(f"{agent}/turn-2") or story.last(f"{agent}/turn-1")
        return NOTHING if last is None else (value(last) or 0) % VARIANT
    if "/" in part:
        return right(story.id, step.step_id, {}, [])
    transcript = [] if part == "1" else [[value(story.last(f"{agent}/turn-1")), _calls(story, agent)]]
    return _worked(story, step, story.steps[agent][0], transcript)


def _calls(story: Story, agent: str) -> list[Any]:
    calls = [story.last(f"{agent}/turn-1/{name}[{number}]") for number, name in enumerate("tu")]
    return [
        None if call is None else call.error.code if call.state == "failed" and call.error else value(call)
        for call in calls
    ]


def _of_child(history: History, story: Story, step: StepView) -> Any:
    """Return what the run gives that a step started."""
    child, event = history.stories.get(step.child_run_id or ""), story.event(story.settled(step.step_id))
    if child is None or child.run.parent is None:
        return NOTHING
    if child.run.parent.detached:
        return {"run_id": child.id}
    if event is not None and (not isinstance(event.said, ChildFinished) or event.said.child_run_id != child.id):
        return f"the end of {child.id}, and not {event.said}"
    sinks = _sinks(child)
    return output(child, sinks[0]) if len(sinks) == 1 else {sink: output(child, sink) for sink in sinks}


def _sinks(story: Story) -> list[str]:
    sources = {edge.source for edge in story.edges}
    return [node for node in story.nodes if node not in sources | apart(story)]


def _of_run(story: Story) -> Iterator[str]:
    """A run gives what its last nodes gave."""
    if story.newest is None or story.newest.status != "succeeded":
        return
    ends = [view for view in story.views if view.status == "succeeded" and view.output is not None]
    expected = {sink: output(story, sink) for sink in _sinks(story) if _gave(story, sink)}
    for view in ends:
        found = {name: one.value for name, one in (view.output or {}).items() if isinstance(one, Inline)}
        if found != expected:
            yield f"{story.id} gave {found}, and its last nodes gave {expected}"
    if not ends:
        yield f"{story.id} succeeded and gave nothing"


def _gave(story: Story, node_id: str) -> bool:
    step = story.last(node_id)
    return step is not None and step.state == "succeeded"


def _choice(story: Story, node: Node, moment: Moment) -> dict[str, Any]:
    """Return what a switch says."""
    outputs, names = as_of(story, node.id, moment), list(story.nodes)
    for number, case in enumerate(node.config.cases):
        if holds(case.when, outputs, names):
            return {"case": number, "to": [case.to] if isinstance(case.to, str) else list(case.to)}
    default = node.config.default
    to = [] if default is None else [default] if isinstance(default, str) else list(default)
    return {"case": None if default is None else "default", "to": to}


def _decision(story: Story, node: Node, step: StepView) -> Iterator[str]:
    """A node ran or was skipped as its join and its condition say, at the moment when that was decided."""
    first = next((m for m in story.steps[step.step_id] if m.view.state != "pending"), None)
    if first is None or (step.error is not None and step.attempt == 0):
        return
    edges = [_edge(story, source, node.id, first) for source in before(story, node.id)]
    says = _verdict(node.join, edges)
    condition = node.config.condition
    if says == "run" and condition is not None:
        says = "run" if holds(condition, as_of(story, node.id, first), list(story.nodes)) else "skip"
    did = "skip" if step.state == "skipped" else "run"
    if says != did:
        yield f"{story.id}: {node.id} did {did}, and its join {node.join} of {edges} says {says}"
    yield from _at_once(story, node, first)


def _at_once(story: Story, node: Node, decided: Moment) -> Iterator[str]:
    """A join is decided by the first event after which it is sure."""
    sources = before(story, node.id)
    settled = [one for one in map(story.settled, sources) if one is not None]
    if any(one.view.reused_from is not None for one in settled):
        return
    if not decided.exact or not all(one.exact for one in settled):
        return
    for version in sorted({one.version for one in settled}):
        now = Moment(version, version, decided.view)
        if _verdict(node.join, [_edge(story, source, node.id, now) for source in sources]) != "wait":
            if decided.version != version:
                yield f"{story.id}: {node.id} was decided by event {decided.version}, and could be by {version}"
            return


def _edge(story: Story, source: str, target: str, moment: Moment) -> str:
    """Return what an edge was at a moment. Raises ``Unsure``."""
    settled = story.settled(source)
    if settled is None or settled.since > moment.version:
        return "open"
    if settled.version > moment.since:
        raise Unsure
    step = settled.view
    if step.state == "succeeded" and story.nodes[source].type == "switch":
        return "taken" if target in value(step)["to"] else "untaken"
    return "taken" if step.state == "succeeded" else "untaken"


def _verdict(join: str | None, edges: list[str]) -> str:
    """Return what a join says of its edges."""
    if join == "any":
        return "run" if "taken" in edges else "wait" if "open" in edges else "skip"
    if join == "all":
        return "skip" if "untaken" in edges else "wait" if "open" in edges else "run"
    if "open" in edges:
        return "wait"
    return "run" if join == "all_done" or "taken" in edges or not edges else "skip"
