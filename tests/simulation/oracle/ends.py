"""How runs end: once, by the event that ends them, for a reason that is in the log."""

from collections.abc import Iterator

from schemas.records.run_events import CancelRequested, TimerFired
from schemas.records.timers import Deadline
from schemas.spec.flow import FLOW_ENDS
from tests.simulation.oracle.history import ENDED, History, Story

#: How late something that is due may happen when there are no faults.
PROMPT_MS = 60_000


def check(history: History, healed_ms: int) -> Iterator[str]:
    """Yield what is wrong with the ends of runs."""
    for story in history.stories.values():
        yield from _ends(story)
        if story.end is not None:
            yield from _cancel(story)
            yield from _deadline(story, healed_ms)
            yield from _reason(story)
            yield from _after(story)


def _ends(story: Story) -> Iterator[str]:
    """Every run reaches exactly one terminal state, and the newest view says so."""
    ends = {(view.status, view.version) for view in story.views if view.status in ENDED}
    newest = story.newest
    if len({status for status, _ in ends}) != 1 or newest is None or newest.status not in ENDED:
        yield f"{story.id} ended as {sorted(ends)}, newest {newest.status if newest else None}"
    versions = [view.version for view in story.views]
    if any(version not in story.at_offset for version in versions):
        yield f"{story.id} has a version that is no event of it: {versions}"


def _cancel(story: Story) -> Iterator[str]:
    """The first cancel of a run that is not over ends it, whatever its steps are at."""
    assert story.end is not None
    first = next(story.of_kind(CancelRequested), None)
    canceled = story.newest is not None and story.newest.status == "canceled"
    if canceled and (first is None or first.offset > story.end.offset):
        yield f"{story.id} is canceled, and nobody had asked for it"
    end = story.exact_end
    if first is None or end is None:
        return
    if first.offset < end.offset or canceled != (first.offset == end.offset):
        yield f"{story.id} was told to end by event {first.offset}, and ended by {end.offset}"


def deadline_ms(story: Story) -> int | None:
    """Return until when a run may last."""
    given = [limit for limit in (story.run.spec.spec.dag.deadline_ms, story.run.deadline_ms) if limit is not None]
    return story.run.submitted_at_ms + min(given) if given else None


def _deadline(story: Story, healed_ms: int) -> Iterator[str]:
    """A run ends at its deadline: not before for that reason, and not after."""
    until_ms, end = deadline_ms(story), story.exact_end
    assert story.newest is not None
    error, finished_ms = story.newest.error, story.newest.finished_at_ms or 0
    exceeded = error is not None and error.code == "deadline_exceeded" and error.step_id is None
    is_timer = end is not None and isinstance(end.said, TimerFired) and isinstance(end.said.timer, Deadline)
    too_early = exceeded and (until_ms is None or finished_ms < until_ms)
    too_late = story.newest.status == "succeeded" and until_ms is not None and finished_ms > until_ms
    if (is_timer and not exceeded) or too_early or too_late:
        yield f"{story.id} ended at {finished_ms} by {end}, its deadline is {until_ms}"
    if until_ms is not None and finished_ms > max(until_ms, healed_ms, story.submitted.ms) + PROMPT_MS:
        yield f"{story.id} ended {finished_ms - until_ms} ms after its deadline"


def _reason(story: Story) -> Iterator[str]:
    """A run fails by its deadline or by a step that may not fail; with such a step no run succeeds."""
    assert story.newest is not None
    status, error = story.newest.status, story.newest.error
    fatal = [step_id for step_id in story.steps if _is_fatal(story, step_id)]
    if status == "failed" and error is not None and error.step_id is not None and error.step_id not in fatal:
        yield f"{story.id} failed by {error.step_id}, which may fail or did not: {fatal} may not"
    if status == "failed" and error is None:
        yield f"{story.id} failed and does not say why"
    for step_id in fatal:
        settled = story.event(story.settled(step_id))
        is_other = settled is not None and story.exact_end is not None and settled != story.exact_end
        if status == "succeeded" or is_other:
            yield f"{story.id} is {status}, and {step_id} had failed before"
    if status == "succeeded":
        left = [n for n, node in story.nodes.items() if _is_open(story, n)]
        if left:
            yield f"{story.id} succeeded before {left}"


def apart(story: Story) -> set[str]:
    """Return the nodes that run only after a failure or a cancel."""
    dag = story.run.spec.spec.dag
    found = {*dag.on_failure, *dag.on_cancel}
    while more := {edge.target for edge in dag.edges if edge.source in found} - found:
        found |= more
    return found


def _is_open(story: Story, node_id: str) -> bool:
    step = story.last(node_id)
    return node_id not in apart(story) and (step is None or step.state not in ("succeeded", "skipped", "failed"))


def _is_fatal(story: Story, step_id: str) -> bool:
    """Whether a step failed for good whose failure is its run's."""
    step = story.last(step_id)
    if step is None or step.state != "failed" or step.node_id in apart(story) or "/turn-" in step_id:
        return False
    node = story.every[step.node_id]
    collects = step_id != step.node_id and node.config.on_child_error != "fail"
    loop, tilde, _ = step_id.partition("~")
    inside_of_optional = bool(tilde) and story.nodes[loop].policy.optional
    return not node.policy.optional and not collects and not inside_of_optional


def _after(story: Story) -> Iterator[str]:
    """After its end nothing of a run is asked for but what compensates, and that after the end that it is for."""
    assert story.end is not None
    assert story.newest is not None
    dag, status = story.run.spec.spec.dag, story.newest.status
    roots = set(dag.on_failure if status == "failed" else dag.on_cancel if status == "canceled" else ())
    error = story.newest.error
    if error is not None and error.code in FLOW_ENDS and story.newest.started_at_ms is None:
        roots = set()
    for step_id, moments in story.steps.items():
        is_apart = moments[0].view.node_id in apart(story)
        for before, now in zip([None, *moments], moments, strict=False):
            begins = now.view.state in ("running", "waiting", "ready") and (
                before is None or before.view.state in SETTLED_STATES or before.view.attempt != now.view.attempt
            )
            if begins and not is_apart and now.since > story.end.offset:
                yield f"{story.id}: {step_id} was asked for after the end"
            if begins and is_apart and now.version < story.end.offset:
                yield f"{story.id}: {step_id} was asked for before the end"
    for root in roots:
        step = story.last(root)
        if step is None or step.state not in ("succeeded", "failed"):
            yield f"{story.id} is {status}, and {root} did not run"
    for node in apart(story) - _reach(story, roots):
        if story.last(node) is not None:
            yield f"{story.id} is {status}, and {node} ran"


def _reach(story: Story, roots: set[str]) -> set[str]:
    found = set(roots)
    while more := {e.target for e in story.run.spec.spec.dag.edges if e.source in found} - found:
        found |= more
    return found


SETTLED_STATES = ENDED | {"skipped"}
