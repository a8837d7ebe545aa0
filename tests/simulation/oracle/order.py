"""In which order things happen: no step before those that it joins, and no more at once than may be."""

from collections.abc import Callable, Iterator
from typing import Any

from schemas.records.admissions import AdmissionReleased
from schemas.records.run_events import CancelRequested, ChildFinished, RunAdmitted
from schemas.records.steps import StepRequest
from schemas.tables.admissions import LIMITS, POOL, QUEUES
from tests.simulation.oracle.history import History, Story
from tests.simulation.oracle.values import before
from tests.simulation.world.world import World
from topics import catalogue
from topics.codec import decode

#: Two ends are about the same time when they are no further apart.
ABOUT_MS = 60_000
NEVER = 2**53


def check(world: World, history: History) -> Iterator[str]:
    """Yield what came in the wrong order."""
    yield from _joins(history)
    yield from _places(history)
    yield from _families(history)
    if world.turns and not world.gates:
        yield from _turns(world, history)


def _joins(history: History) -> Iterator[str]:
    """No step is asked for before its join says so, by what became of the steps before it; and none that is unknown."""
    for at, request in history.requests:
        story = history.stories[request.run_id]
        scope = story.scope(request.step_id)
        sources = before(scope, request.node_id)
        ended = [_settled_at(scope, source) for source in sources]
        early = [source for source, when in zip(sources, ended, strict=True) if when > at]
        join = scope.nodes[request.node_id].join
        if early and (join != "any" or len(early) == len(sources)):
            yield f"{request.request_id} was asked for before {early}"
        is_known = any(moment.view.attempt >= request.attempt for moment in story.steps.get(request.step_id, []))
        if not is_known:
            yield f"{request.request_id} was asked for, and its run does not know of it"


def _settled_at(story: Story, step_id: str) -> int:
    settled = story.settled(step_id)
    return NEVER if settled is None else story.earliest(settled)


def _places(history: History) -> Iterator[str]:
    """No more steps of a run, and children of a map, are open than may be at once.

    A step is open from its first request to the event that settled it. Chained steps are not seen.
    """
    asked: dict[tuple[str, str], tuple[int, StepRequest]] = {}
    for at, request in history.requests:
        if not request.compensation:
            asked.setdefault((request.run_id, request.step_id), (at, request))
    for at, request in asked.values():
        story = history.stories[request.run_id]
        dag, node = story.run.spec.spec.dag, story.every[request.node_id]
        now_open = [
            other
            for (run_id, step_id), (since, other) in asked.items()
            if run_id == request.run_id and since <= at < _settled_at(story, step_id)
        ]
        of_node = sum(other.node_id == node.id for other in now_open)
        if len(now_open) > (dag.max_parallel or len(now_open)) or of_node > (node.config.max_parallel or of_node):
            yield f"{request.request_id} was asked for beside {[other.step_id for other in now_open]}"


def _families(history: History) -> Iterator[str]:
    """What a run's children cost counts once; a step that was canceled told its run to end.

    The end of a run that comes when its parent has left the table may be counted or not. A run that had ended about
    then need not be told: a restore that knows both tells nobody.
    """
    for story in history.stories.values():
        if story.newest is None:
            continue
        until_ms = (story.newest.finished_at_ms or NEVER) + 3_600_000
        reports = sorted(story.of_kind(ChildFinished), key=lambda event: event.said.version)
        in_time = {event.said.child_run_id: event.said.cost_nano for event in reports if event.ms < until_ms}
        last = {event.said.child_run_id: event.said.cost_nano for event in reports}
        least, most = sorted((sum(in_time.values()), sum(last.values())))
        if not least <= story.newest.children_nano <= most:
            yield f"{story.id} counts {story.newest.children_nano} for its runs, which cost {least} to {most}"
        for step_id in story.steps:
            step = story.last(step_id)
            child = history.stories.get((step.child_run_id if step else None) or "")
            if step is None or child is None or child.run.parent is None or child.run.parent.detached:
                continue
            told = next(child.of_kind(CancelRequested), None) is not None
            about_ms = (step.finished_at_ms or 0) + ABOUT_MS
            if step.state == "canceled" and not told and not (child.end and child.end.ms <= about_ms):
                yield f"{step_id} of {story.id} was canceled, and nobody told {child.id}"


# Admissions


def _turns(world: World, history: History) -> Iterator[str]:
    """One run with turns has its turn at a time; it starts when it has it, and nobody keeps it or is left in line."""
    admitted = first(world, catalogue.RUN_EVENTS, lambda event: isinstance(event, RunAdmitted))
    released = first(world, catalogue.ADMISSIONS, lambda event: isinstance(event, AdmissionReleased))
    for run_id, at in admitted.items():
        others = [o for o in admitted if o != run_id and admitted[o] <= at < released.get(o, NEVER)]
        if others:
            yield f"{run_id} had its turn beside {others}"
    for at, request in history.requests:
        # What runs after a run's end needs no turn, also if it was canceled in line.
        run = history.stories[request.run_id].run
        if run.turns and not request.compensation and at < admitted.get(request.run_id, NEVER):
            yield f"{request.run_id} was worked on before its turn"
    for partition in range(world.partitions):
        lines = world.tables[catalogue.ADMISSIONS].entity(partition, QUEUES)
        left = [name for name in lines if name != POOL and not name.startswith(LIMITS)]
        if left:
            yield f"left in line: {left}"


def first(world: World, topic: str, is_meant: Callable[[Any], bool]) -> dict[str, int]:
    """Return when a run is first spoken of by a record that is meant, as a place in the order of the log."""
    first: dict[str, int] = {}
    for record in world.log.everything(topic):
        event = decode(record.topic, record.value)
        if is_meant(event):
            at = world.log.order[record.topic, record.partition, record.offset]
            first[event.run_id] = min(first.get(event.run_id, at), at)
    return first
