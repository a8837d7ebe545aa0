"""What comes from outside of a run's own steps: timers, signals, ends of other runs, cancels.

Each rule takes the run and its event, in the situation that ``rules`` names it for.
"""

from typing import Literal

from msgspec import structs

from schemas.records.base import ErrorInfo
from schemas.records.run_events import CancelRequested, ChildFinished, SignalReceived, TimerFired
from schemas.records.timers import Deadline, Defer
from schemas.spec.approvals import step_of
from schemas.spec.flow import FLOW_ENDS
from schemas.tables.signals import IDS_MOST, Kept
from streams.core.runs.events.costs import child_cost
from streams.core.runs.events.step_end import end
from streams.core.runs.nodes import approval, workflow
from streams.core.runs.nodes.kinds import kind_of
from streams.core.runs.nodes.run_end import cancel, exceed_deadline
from streams.core.runs.nodes.signal import given, is_known, waiting
from streams.core.runs.requests.sizes import payload_size
from streams.core.runs.state.changes import RunChanges, late
from streams.core.runs.state.reader import RunReader

TimerIs = Literal["deadline", "armed", "disarmed"]
SignalIs = Literal["awaited", "answer", "early", "one_too_many", "repeated", "unknown", "too_late"]
ChildIs = Literal["awaited", "unsettled", "settled", "not_ours"]
RunIs = Literal["queued", "running", "over"]


def run_is(turn: RunReader, _event: object) -> RunIs:
    """Return what the run is."""
    return "over" if turn.is_over else "queued" if turn.status == "queued" else "running"


def timer_is(turn: RunReader, event: TimerFired) -> TimerIs:
    """Return whether the run, or the step, still waits for a timer."""
    timer = event.timer
    if isinstance(timer, Deadline):
        return "disarmed" if turn.deadline_ms is None else "deadline"
    step = turn.step(timer.step_id)
    if step is None or step.timer != timer:
        return "disarmed"
    return "armed"


def deadline(turn: RunChanges, _event: TimerFired) -> None:
    """End a run that took too long."""
    exceed_deadline(turn)


def step_timer(turn: RunChanges, event: TimerFired) -> None:
    """Do what the step waited for."""
    timer = event.timer
    if not isinstance(timer, Deadline):
        step = turn.recorded(timer.step_id)
        end(turn, kind_of(turn, timer.step_id, step).on_timer[type(timer)](turn, timer.step_id, step))


def signal_is(turn: RunReader, event: SignalReceived) -> SignalIs:
    """Return whether a step waits for a signal, may wait for it later, or nobody can use it."""
    if turn.is_over:
        return "too_late"
    if event.signal_id in turn.signals.ids:
        return "repeated"
    if step_of(event.name) is not None:
        return approval.answer_is(turn, event)
    if not is_known(turn, event.name):
        return "unknown"
    if waiting(turn, event.name) is not None:
        return "awaited"
    return "early" if turn.signals.has_room(payload_size(event.payload)) else "one_too_many"


def signal(turn: RunChanges, event: SignalReceived) -> None:
    """Give a signal to the step that waits for it."""
    _remember(turn, event)
    if (found := waiting(turn, event.name)) is not None:
        step_id, step = found
        updates = given(turn, turn.node_of(step), event.signal_id, step_id)
        turn.set_signals(structs.replace(turn.signals, given=updates))
        turn.disarm(step)
        end(turn, kind_of(turn, step_id, step).on_result(turn, step_id, step, event.payload))


def answer(turn: RunChanges, event: SignalReceived) -> None:
    """Ask for the attempt that a person allows, or fail the step that one refuses."""
    _remember(turn, event)
    step_id = step_of(event.name) or ""
    step = turn.recorded(step_id)
    asks = step.asks
    if asks is None:
        return
    turn.disarm(step)
    if not approval.is_yes(event.payload):
        end(turn, approval.refused(step_id, asks, event.sent_by))
        return
    yes = structs.replace(step, asks=None, approvals=approval.approved(step, asks, event.sent_by))
    kind_of(turn, step_id, step).on_timer[Defer](turn, step_id, yes)


def early_signal(turn: RunChanges, event: SignalReceived) -> None:
    """Keep a signal for the step that will wait for it."""
    _remember(turn, event)
    kept = Kept(event.name, event.payload, payload_size(event.payload), event.signal_id)
    turn.set_signals(structs.replace(turn.signals, kept=(*turn.signals.kept, kept)))


def signal_too_many(turn: RunChanges, event: SignalReceived) -> None:
    """Drop a signal that there is no room for, for good."""
    _remember(turn, event)
    turn.commands.append(late("signals_full"))


def child_is(turn: RunReader, event: ChildFinished) -> ChildIs:
    """Return whether a step waits for a run that has ended, or for its cost at least."""
    step = turn.step(event.step_id)
    if step is None or not workflow.is_of(turn, event, step):
        return "not_ours"
    if workflow.awaits(turn.node_of(step), step) and event.attempt == step.attempt:
        return "awaited"
    return "unsettled" if event.attempt in step.unsettled else "settled"


def child(turn: RunChanges, event: ChildFinished) -> None:
    """End the attempt that waits for a run."""
    step = child_cost(turn, event, turn.recorded(event.step_id))
    turn.disarm(step)
    end(turn, kind_of(turn, event.step_id, step).on_result(turn, event.step_id, step, event))


def child_paid_late(turn: RunChanges, event: ChildFinished) -> None:
    """Count the cost of a run that nobody waits for any more, once."""
    step = child_cost(turn, event, turn.recorded(event.step_id))
    turn.commands.append(late("finished_run" if turn.is_over else "old_attempt"))
    left = tuple(attempt for attempt in step.unsettled if attempt != event.attempt)
    turn.change(event.step_id, step, unsettled=left)


def child_late(turn: RunChanges, event: ChildFinished) -> None:
    """Count an end that decides nothing; what the run has cost since it was counted first."""
    turn.commands.append(late("finished_run" if turn.is_over else "old_attempt"))
    step = turn.recorded(event.step_id)
    if step.booked is not None and f"{event.attempt}" in step.booked:
        child_cost(turn, event, step)


def cancel_run(turn: RunChanges, event: CancelRequested) -> None:
    """Cancel the run."""
    if event.code in FLOW_ENDS:
        details = {"by_run": event.by_run} if event.by_run else {}
        cancel(turn, ErrorInfo(code=event.code, message=event.reason[:1000], details=details))
        return
    by = f" by {event.requested_by}" if event.requested_by else ""
    why = f": {event.reason}" if event.reason else ""
    cancel(turn, ErrorInfo(code="canceled", message=f"canceled{by}{why}"[:1000]))


def _remember(turn: RunChanges, event: SignalReceived) -> None:
    turn.set_signals(structs.replace(turn.signals, ids=(*turn.signals.ids, event.signal_id)[-IDS_MOST:]))
