"""Questions to people: only an answer to the very question lets a step work, and nobody is asked again after a yes."""

from collections.abc import Iterator
from itertools import pairwise

from schemas.records.run_events import SignalReceived, StepDeferred, TimerFired
from schemas.records.timers import ApprovalTimeout
from schemas.spec.approvals import approval_name
from tests.simulation.oracle.history import Event, History, Moment, Story
from tests.simulation.world.asks import TIMEOUT_MS
from tests.simulation.world.world import World


def check(world: World, history: History) -> Iterator[str]:
    """Yield what is wrong with steps that asked."""
    if world.asks:
        for story in history.stories.values():
            for step_id, moments in story.steps.items():
                yield from _of_step(story, step_id, moments)


def _of_step(story: Story, step_id: str, moments: list[Moment]) -> Iterator[str]:
    yes = False
    for before, after in pairwise(moments):
        question = _question(before)
        if question is None or _question(after) == question:
            continue
        if yes:
            yield f"{story.id}: {step_id} asked again what a person had said yes to"
        event = story.event(after) if after.exact else None
        if event is None:
            continue
        is_yes = _is_answer(event, step_id, question, approve=True)
        yes = yes or is_yes
        if after.view.state == "running" and not is_yes:
            yield f"{story.id}: {step_id} went to work by {event.said}"
        if after.view.state == "failed" and not _is_no(story, before, event, step_id, question):
            yield f"{story.id}: {step_id} was refused by {event.said}"
        if is_yes and after.view.state not in ("running", "ready"):
            yield f"{story.id}: {step_id} was approved, and is {after.view.state}"


def _question(moment: Moment) -> str | None:
    words = (moment.view.waiting_for or "").split()
    return words[1] if moment.view.state == "waiting" and words[:1] == ["approval"] else None


def _is_answer(event: Event, step_id: str, question: str, *, approve: bool) -> bool:
    said = event.said
    return (
        isinstance(said, SignalReceived)
        and said.name == approval_name(step_id)
        and said.payload.value == {"approve": approve, "question": question}
    )


def _is_no(story: Story, before: Moment, event: Event, step_id: str, question: str) -> bool:
    """Return whether an event may fail a step that asks: a no, the end of its time, or an outcome of the attempt."""
    if isinstance(event.said, TimerFired):
        asked = story.event(before)
        in_time = asked is not None and isinstance(asked.said, StepDeferred) and event.ms < asked.ms + TIMEOUT_MS
        return isinstance(event.said.timer, ApprovalTimeout) and not in_time
    return not isinstance(event.said, SignalReceived) or _is_answer(event, step_id, question, approve=False)
