"""Nodes of type ``wait``: a pause, for a duration or until a time. Its timer ends it.

Such a step is ``waiting`` from its beginning, with an attempt that no result fits (``Step.attempt_is_open``). What it
waits for is in its entry; so a restore arms its timer like any other.
"""

from dataclasses import dataclass

import msgspec

from schemas.payload import inline
from schemas.records import timers
from schemas.spec.model import WaitNode
from schemas.timestamps import format_time, parse_time
from streams.core.runs.nodes.kind import Compiled, Compiling, Ended, KindRules
from streams.core.runs.plan.arguments import BindingError, Datum
from streams.core.runs.plan.model import PlanNode
from streams.core.runs.requests.binding import bind_args
from streams.core.runs.requests.step_request import node_scope
from streams.core.runs.state.changes import RunChanges
from streams.core.runs.state.entries import Step
from streams.core.runs.state.reader import RunReader


@dataclass(frozen=True, slots=True)
class Wait:
    """A pause of ``duration_ms``, or up to the time that the argument ``until`` names."""

    duration_ms: int | None


def compile_wait(node: WaitNode, _compiling: Compiling) -> Compiled:
    """Return a pause."""
    config = node.config
    return Compiled(own=Wait(config.duration_ms), args={"until": config.until} if config.duration_ms is None else {})


def start(run: RunChanges, node: PlanNode, step_id: str, step: Step, item: Datum | None) -> Step:
    """Return a step that waits for its timer. Raises ``BindingError`` for a time that is none."""
    duration_ms = node.data(Wait).duration_ms
    due_ms = run.now_ms + duration_ms if duration_ms is not None else _until_ms(run, node, step, item)
    timer = timers.Wait(step_id, step.attempt)
    return msgspec.structs.replace(step, state="waiting", waiting_for="timer", timer=timer, due_ms=due_ms)


def over(_turn: RunChanges, step_id: str, step: Step) -> Ended:
    """End a pause; its output is the time until which it waited."""
    return Ended(step_id, output=inline({"until": format_time(step.due_ms or 0)}))


def _until_ms(run: RunReader, node: PlanNode, step: Step, item: Datum | None) -> int:
    args, links = bind_args(node, node_scope(run, node, step, item))
    until = None if links else args["until"]
    try:
        return max(0, parse_time(until if isinstance(until, str) else repr(until)))
    except ValueError as exc:
        raise BindingError("bad_time", f"`until` of '{node.id}': {exc}") from exc


WAIT = KindRules(compile_wait, start, {timers.Wait: over})
