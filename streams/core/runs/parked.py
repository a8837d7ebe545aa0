"""Steps that no worker works on: how each begins to wait, and what its timer does.

Such a step is ``waiting`` from its beginning, with an attempt that no result fits (``Step.attempt_is_open``). What it
waits for is in its entry; so a restore arms its timer like any other.
"""

import msgspec

from schemas.payload import Payload, inline
from schemas.times import format_time, parse_time
from streams.core.runs.binding import bind_args
from streams.core.runs.entries import Step
from streams.core.runs.plan import PlanNode
from streams.core.runs.turn import Turn
from streams.core.runs.values import BindingError, Scope


def park(turn: Turn, node: PlanNode, step_id: str, step: Step, scope: Scope) -> Step:
    """Return a step that is ready as it waits; its timer is armed by the caller. Raises ``BindingError``."""
    return msgspec.structs.replace(
        step,
        state="waiting",
        timer=f"wait:{step_id}:{step.attempt}",
        due_ms=_due_ms(turn, node, scope),
        waiting_for="timer",
    )


def output_at_due(step: Step) -> Payload:
    """Return the output of a wait that is over: the time until which it waited."""
    return inline({"until": format_time(step.due_ms or 0)})


def _due_ms(turn: Turn, node: PlanNode, scope: Scope) -> int:
    if node.dynamic is not None and node.dynamic.duration_ms is not None:
        return turn.now_ms + node.dynamic.duration_ms
    args, links = bind_args(node, scope)
    until = None if links else args["until"]
    try:
        return max(0, parse_time(until if isinstance(until, str) else repr(until)))
    except ValueError as exc:
        raise BindingError("bad_time", f"`until` of '{node.id}': {exc}") from exc
