"""Signals: events from outside, and the steps that wait for them.

A signal goes to the first step that waits for its name, in the order of the plan, children by index. One that nobody
waits for is kept and given to the first step that begins to. That step has the signal's data in its entry at once and
a timer that is due at once, which ends it: so a step is never done before it has begun, here as everywhere.
"""

from typing import Any

from schemas.ids import child_step_id
from schemas.payload import Inline, Payload
from schemas.records.base import Json
from schemas.records.run_events import SignalReceived
from schemas.records.timers import SignalTimeout
from schemas.tables.signals import IDS_MOST, Kept, Signals
from streams.core.runs.plan.compile import PlanNode
from streams.core.runs.plan.waiting_nodes import Signal
from streams.core.runs.requests.sizes import payload_size
from streams.core.runs.state.entries import Step
from streams.core.runs.state.run import Turn, late


def wait_for(turn: Turn, signal: Signal, step_id: str, step: Step) -> dict[str, Json]:
    """Return how a step waits for a signal: with its data when one was kept."""
    timer = SignalTimeout(step_id, step.attempt)
    waits: dict[str, Json] = {"waiting_for": f"signal {signal.name}"}
    kept = next((one for one in turn.signals.kept if one.name == signal.name), None)
    if kept is not None:
        turn.signals = Signals(tuple(one for one in turn.signals.kept if one is not kept), turn.signals.ids)
        return waits | output_of(kept.payload) | {"timer": timer, "due_ms": turn.now_ms}
    if signal.timeout_ms is not None:
        waits |= {"timer": timer, "due_ms": turn.now_ms + signal.timeout_ms}
    return waits


def take(turn: Turn, event: SignalReceived) -> tuple[str, Step] | None:
    """Take a signal in; return the step that it is for, or keep it. What cannot be used is counted as late."""
    reason = _refusal(turn, event)
    if reason is not None:
        turn.commands.append(late(reason))
        return None
    turn.signals = Signals(turn.signals.kept, (*turn.signals.ids, event.signal_id)[-IDS_MOST:])
    found = _waiting(turn, event.name)
    size = payload_size(event.payload)
    if found is None and turn.signals.has_room(size):
        turn.signals = Signals((*turn.signals.kept, Kept(event.name, event.payload, size)), turn.signals.ids)
    elif found is None:
        turn.commands.append(late("signals_full"))
    return found


def output_of(payload: Payload) -> dict[str, Any]:
    """Return a payload as the fields of a step."""
    return {"value": payload} if isinstance(payload, Inline) else {"stored": payload}


def _refusal(turn: Turn, event: SignalReceived) -> str | None:
    if turn.is_over:
        return "finished_run"
    if event.signal_id in turn.signals.ids:
        return "repeated_signal"
    return None if _nodes(turn, event.name) else "unknown_signal"


def _nodes(turn: Turn, name: str) -> list[PlanNode]:
    nodes = turn.plan.nodes.values()
    return [node for node in nodes if isinstance(node.dynamic, Signal) and node.dynamic.name == name]


def _waiting(turn: Turn, name: str) -> tuple[str, Step] | None:
    for node in _nodes(turn, name):
        whole = turn.step(node.id)
        for step_id in _step_ids(node, whole):
            step = turn.step(step_id)
            if step is not None and step.state == "waiting" and step.output is None:
                return step_id, step
    return None


def _step_ids(node: PlanNode, whole: Step | None) -> list[str]:
    total = whole.total if whole is not None else None
    return [node.id] if total is None else [child_step_id(node.id, index) for index in range(total)]
