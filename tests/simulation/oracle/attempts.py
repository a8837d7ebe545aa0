"""Attempts of steps: what they are recorded by, how many there are, and when each begins and ends."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from schemas.records.run_events import StepDeferred, StepFailed, StepSucceeded, TimerFired
from schemas.spec.model import Node
from tests.simulation.oracle.ends import PROMPT_MS
from tests.simulation.oracle.history import Event, History, Moment, Story
from tests.simulation.oracle.values import value

#: How long after its time an attempt is waited for that no worker may have begun.
QUEUE_MS = 15 * 60_000


def check(history: History, healed_ms: int) -> Iterator[str]:
    """Yield what is wrong with the attempts of steps."""
    for story in history.stories.values():
        yield from _one_word(story)
        for step_id, moments in story.steps.items():
            node = story.every[moments[0].view.node_id]
            yield from _number(story, step_id, node)
            for before, now in pairwise(moments):
                event = story.event(now)
                if event is not None and before.exact:
                    yield from _by(story, before, now, event)
                    yield from _in_time(story, node, before, event, healed_ms)
                    yield from _not_early(story, node, before, now, event)


def _one_word(story: Story) -> Iterator[str]:
    """A version says one thing of a step, whoever says it."""
    said: dict[tuple[int, str], Any] = {}
    for view in story.views:
        for step in view.steps:
            other = said.setdefault((view.version, step.step_id), step)
            if (other.state, other.attempt, other.output, other.worker_id, other.cost_nano) != (
                step.state,
                step.attempt,
                step.output,
                step.worker_id,
                step.cost_nano,
            ):
                yield f"{story.id}: version {view.version} says two things of {step.step_id}"


def _number(story: Story, step_id: str, node: Node) -> Iterator[str]:
    """A step is tried as often as its policy says, unless its error is for good."""
    step, most = story.last(step_id), node.policy.retries.max_attempts
    assert step is not None
    if step.attempt > most:
        yield f"{story.id}: {step_id} has had {step.attempt} attempts of {most}"
    gives_up = step.state == "failed" and step.error is not None and step.error.retryable
    if gives_up and step.attempt < most and step.error.step_id == step_id:
        yield f"{story.id}: {step_id} gave up after attempt {step.attempt} of {most}: {step.error}"


def _by(story: Story, before: Moment, now: Moment, event: Event) -> Iterator[str]:
    """A result is recorded by the first outcome of the attempt that was open."""
    said, step = event.said, now.view
    if not isinstance(said, StepSucceeded | StepFailed) or said.step_id != step.step_id:
        return
    is_result = step.state != before.view.state and before.view.state in ("running", "waiting")
    if is_result and before.view.worker_id != step.worker_id and step.worker_id == said.worker_id:
        first = story.outcomes[said.step_id, said.attempt]
        if said.attempt != before.view.attempt or first.offset != event.offset:
            yield f"{story.id}: {step.step_id} took the outcome of attempt {said.attempt} at {event.offset}"
        if isinstance(said, StepSucceeded) and step.state == "succeeded" and value(step) != said.output.value:  # type: ignore[union-attr]
            yield f"{story.id}: {step.step_id} has {step.output}, and {said.output} was said"


def _in_time(story: Story, node: Node, before: Moment, event: Event, healed_ms: int) -> Iterator[str]:
    """What a step waits for happens when it is due, and an attempt is given up when nobody says how it ended."""
    view, timeout = before.view, node.policy.timeout_ms
    due_ms = view.waiting_until_ms if view.state == "waiting" else None
    if view.state == "running" and timeout is not None and not _is_mapped(node, view.step_id):
        due_ms = (view.requested_at_ms or 0) + timeout + QUEUE_MS
    if due_ms is not None and event.ms > max(due_ms, healed_ms) + PROMPT_MS:
        yield f"{story.id}: {view.step_id} was due at {due_ms} and went on at {event.ms}"


def _is_mapped(node: Node, step_id: str) -> bool:
    return node.config.parallel and step_id == node.id


def _since(story: Story, moment: Moment) -> int:
    """Return the version since which a step waits for its next attempt; late costs change its view meanwhile."""
    waits = (moment.view.attempt, moment.view.waiting_for)
    same = (m.version for m in story.steps[moment.view.step_id] if (m.view.attempt, m.view.waiting_for) == waits)
    return next(same)


def _not_early(story: Story, node: Node, before: Moment, now: Moment, event: Event) -> Iterator[str]:
    """Timers fire when their time has come; the next attempt waits as long as policy and error say."""
    if isinstance(event.said, TimerFired) and event.ms < event.said.due_ms:
        yield f"{story.id}: {event.said.timer} fired {event.said.due_ms - event.ms} ms before its time"
    old, new = before.view, now.view
    if old.state == "waiting" and old.waiting_for == "retry" and new.attempt == old.attempt + 1:
        retries = node.policy.retries
        longest = min(retries.initial_ms * retries.multiplier ** (old.attempt - 1), retries.max_ms)
        asked = old.error.retry_after_ms if old.error is not None else None
        least = max(int(longest * (1 - retries.jitter)), asked or 0)
        failed = story.at_offset[_since(story, before)]
        if event.ms < failed.ms + least:
            yield f"{story.id}: {new.step_id} was tried again after {event.ms - failed.ms} ms instead of {least}"
    said = event.said
    is_given_back = isinstance(said, StepDeferred) and new.state == "waiting" and said.step_id == new.step_id
    if is_given_back and said.asks is not None:
        return
    if is_given_back and (new.waiting_until_ms, new.attempt) != (said.until_ms, said.attempt):
        yield f"{story.id}: {new.step_id} was given back until {said.until_ms}, and waits for another time"
