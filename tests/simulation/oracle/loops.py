"""Loops: how many iterations there are, that one follows the other, and what a loop gives or fails with."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from typing import Any

from schemas.records.run_views import StepView
from schemas.spec.model import LoopNode
from tests.simulation.oracle.history import SETTLED, History, Inside, Story
from tests.simulation.oracle.values import Outputs, Unsure, as_of, holds, iteration_output, value


def check(history: History) -> Iterator[str]:
    """Yield what is wrong with loops."""
    for story in history.stories.values():
        for node in story.nodes.values():
            step = story.last(node.id)
            if isinstance(node, LoopNode) and step is not None:
                yield from _order(story, node)
                with suppress(Unsure):
                    yield from _end(story, node, step)


def _iterations(story: Story, loop: str) -> list[Inside]:
    return [inside for (of, _), inside in sorted(story.iterations.items()) if of == loop]


def _order(story: Story, node: LoopNode) -> Iterator[str]:
    """An iteration begins when all of the one before is settled, and no number is left out."""
    found = _iterations(story, node.id)
    if [inside.number for inside in found] != list(range(1, len(found) + 1)):
        yield f"{story.id}: iterations of {node.id} are {[inside.number for inside in found]}"
    for before, after in pairwise(found):
        settled = [before.settled(inner) for inner in before.nodes]
        began = min(moments[0].version for moments in after.steps.values())
        if any(one is None or one.since > began for one in settled):
            yield f"{story.id}: iteration {after.number} of {node.id} began before {before.number} had ended"


def _end(story: Story, node: LoopNode, step: StepView) -> Iterator[str]:
    """A loop that succeeded had to end then, with the last output; one that is exhausted had all of its iterations."""
    found = _iterations(story, node.id)
    done = [inside for inside in found if _is_settled(inside)]
    for inside in done[:-1]:
        if _ends(story, node, inside):
            yield f"{story.id}: {node.id} was over after iteration {inside.number}, and went on"
    last = done[-1] if done else None
    exhausted = last is not None and last.number == node.config.max_iterations and not _ends(story, node, last)
    failed = step.state == "failed" and step.error is not None
    if failed and (step.error.code == "loop_exhausted") != (exhausted and node.config.on_exhausted == "fail"):
        yield f"{story.id}: {node.id} failed with {step.error} after {len(done)} iterations"
    if step.state != "succeeded":
        return
    may_end = exhausted and node.config.on_exhausted == "last"
    if len(done) != len(found) or not (may_end or _ends(story, node, last)):
        yield f"{story.id}: {node.id} ended after {len(done)} of {len(found)} iterations, and was not over"
    expected = None if last is None else iteration_output(last)
    if value(step) != expected:
        yield f"{story.id}: {node.id} gave {value(step)}, and its last iteration {expected}"


def _is_settled(inside: Inside) -> bool:
    states = [inside.last(inner) for inner in inside.nodes]
    return all(step is not None and step.state in SETTLED and step.state != "canceled" for step in states)


def _ends(story: Story, node: LoopNode, last: Inside | None) -> bool:
    """Whether a loop is over after an iteration, or before its first one."""
    until, number = node.config.until, 0 if last is None else last.number
    if until is not None:
        return last is not None and holds(until, _named(story, node, last, number), [])
    return not holds(node.config.while_ or "", _named(story, node, last, number + 1), [])


def _named(story: Story, node: LoopNode, last: Inside | None, number: int) -> Outputs:
    """Return the values that a loop's condition sees at an iteration."""
    of = {inside.number: iteration_output(inside) for inside in _iterations(story, node.id) if _is_settled(inside)}
    own: dict[str, Any] = {
        "loop.output": None if last is None else iteration_output(last),
        "loop.previous": of.get(number - 1),
        "loop.iteration": number,
    }
    around = as_of(story, node.id, story.steps[node.id][0])
    return lambda source: own[source] if source in own else around(source)
