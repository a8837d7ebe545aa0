"""Signals: each is taken once, by the first step that waits for its name, or kept for the next one."""

from collections.abc import Iterator
from typing import Any

from schemas.records.run_events import SignalReceived, TimerFired
from tests.simulation.oracle.history import Event, History, Story
from tests.simulation.oracle.values import value


def check(history: History) -> Iterator[str]:
    """Yield what is wrong with steps that wait for signals."""
    for story in history.stories.values():
        if any(node.type == "signal" for node in story.nodes.values()):
            yield from _signals(story)


def _signals(story: Story) -> Iterator[str]:
    """Play the signals once more: they come in the order of the log, and steps begin to wait by their views."""
    end = story.end.offset if story.end is not None else 2**53
    came = _distinct(story)
    for step_id, begun, settled in sorted(_waits(story), key=lambda one: one[1].offset):
        step, node = story.last(step_id), story.nodes[step_id]
        mine = next((event for event in came if event.said.name == node.config.name), None)
        until_ms = None if node.config.timeout_ms is None else begun.ms + node.config.timeout_ms
        if settled is None or step is None or step.state not in ("succeeded", "failed"):
            if mine is not None and mine.offset < end and begun.offset < mine.offset:
                yield f"{story.id}: {step_id} waited, and did not take {mine.said.signal_id}"
            continue
        expected: Any
        if mine is not None and mine.offset <= settled.offset:
            came.remove(mine)
            expected = mine.said.payload.value
        else:
            expected = node.config.default
            if not isinstance(settled.said, TimerFired) or until_ms is None or settled.ms < until_ms:
                yield f"{story.id}: {step_id} ended without its signal by {settled.said}"
        if value(step) != expected:
            yield f"{story.id}: {step_id} gave {value(step)}, and its signal said {expected}"


def _distinct(story: Story) -> list[Event]:
    seen: set[str] = set()
    found = []
    for event in story.of_kind(SignalReceived):
        if event.said.signal_id not in seen:
            seen.add(event.said.signal_id)
            found.append(event)
    return found


def _waits(story: Story) -> Iterator[tuple[str, Event, Event | None]]:
    """Yield every step that waited for a signal, with the events that began and settled it."""
    for node_id, node in story.nodes.items():
        moments = story.steps.get(node_id, [])
        first = next((one for one in moments if one.view.state in ("waiting", "succeeded")), None)
        if node.type == "signal" and first is not None:
            begun, settled = story.event(first), story.settled(node_id)
            if begun is None or (settled is not None and not settled.exact):
                return  # a restore told what they came to
            yield node_id, begun, story.event(settled)
