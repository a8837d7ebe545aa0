"""Steps that no worker works on: how each begins to wait, and what its timer does.

Such a step is ``waiting`` from its beginning, with an attempt that no result fits (``Step.attempt_is_open``). What it
waits for is in its entry; so a restore arms its timer like any other.
"""

import msgspec

from schemas.payload import inline
from schemas.records import timers
from schemas.records.base import ErrorInfo, Json
from schemas.timestamps import format_time, parse_time
from streams.core.runs.nodes import agent, workflow
from streams.core.runs.nodes import signal as signals
from streams.core.runs.plan.arguments import BindingError, Datum
from streams.core.runs.plan.compile import PlanNode
from streams.core.runs.plan.waiting_nodes import Agent, Child, Signal, Wait
from streams.core.runs.requests.binding import bind_args
from streams.core.runs.requests.step_request import node_scope
from streams.core.runs.state.entries import Step
from streams.core.runs.state.run import Turn


def park(turn: Turn, node: PlanNode, step_id: str, step: Step, item: Datum | None) -> Step:
    """Return a step that is ready as it waits; its timer is armed by the caller. Raises ``BindingError``."""
    match node.dynamic:
        case Wait(duration_ms):
            due_ms = turn.now_ms + duration_ms if duration_ms is not None else _until_ms(turn, node, step, item)
            parked: dict[str, Json] = {"waiting_for": "timer", "timer": timers.Wait(step_id, step.attempt)}
            parked["due_ms"] = due_ms
        case Signal() as signal:
            parked = signals.wait_for(turn, signal, step_id, step)
        case Agent():
            parked = agent.begin(turn, node, step_id, step, item)
        case Child():
            parked = workflow.begin(turn, node, step_id, step, item)
        case _:
            raise AssertionError(f"a worker works on '{node.id}'")
    return msgspec.structs.replace(step, state="waiting", **parked)


def output_at_due(step: Step) -> Json:
    """Return the output of a wait that is over: the time until which it waited."""
    return inline({"until": format_time(step.due_ms or 0)})


def timed_out(step_id: str, signal: Signal) -> ErrorInfo:
    """Return the error of a signal that did not come in time."""
    message = f"the signal '{signal.name}' did not come within {signal.timeout_ms} ms; give the node a `default`"
    return ErrorInfo(code="signal_timeout", message=message, step_id=step_id)


def _until_ms(turn: Turn, node: PlanNode, step: Step, item: Datum | None) -> int:
    args, links = bind_args(node, node_scope(turn, node, step, item))
    until = None if links else args["until"]
    try:
        return max(0, parse_time(until if isinstance(until, str) else repr(until)))
    except ValueError as exc:
        raise BindingError("bad_time", f"`until` of '{node.id}': {exc}") from exc
