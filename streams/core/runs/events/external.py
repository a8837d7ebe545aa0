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


def run_is(run: RunReader, _event: object) -> RunIs:
    """Return what the run is."""
    return "over" if run.is_over else "queued" if run.status == "queued" else "running"


def timer_is(run: RunReader, event: TimerFired) -> TimerIs:
    """Return whether the run, or the step, still waits for a timer."""
    timer = event.timer
    if isinstance(timer, Deadline):
        return "disarmed" if run.deadline_ms is None else "deadline"
    step = run.step(timer.step_id)
    if step is None or step.timer != timer:
        return "disarmed"
    return "armed"


def deadline(run: RunChanges, _event: TimerFired) -> None:
    """End a run that took too long."""
    exceed_deadline(run)


def step_timer(run: RunChanges, event: TimerFired) -> None:
    """Do what the step waited for."""
    timer = event.timer
    if not isinstance(timer, Deadline):
        step = run.recorded(timer.step_id)
        end(run, kind_of(run, timer.step_id, step).on_timer[type(timer)](run, timer.step_id, step))


def signal_is(run: RunReader, event: SignalReceived) -> SignalIs:
    """Return whether a step waits for a signal, may wait for it later, or nobody can use it."""
    if run.is_over:
        return "too_late"
    if event.signal_id in run.signals.ids:
        return "repeated"
    if step_of(event.name) is not None:
        return approval.answer_is(run, event)
    if not is_known(run, event.name):
        return "unknown"
    if waiting(run, event.name) is not None:
        return "awaited"
    return "early" if run.signals.has_room(payload_size(event.payload)) else "one_too_many"


def signal(run: RunChanges, event: SignalReceived) -> None:
    """Give a signal to the step that waits for it."""
    _remember(run, event)
    if (found := waiting(run, event.name)) is not None:
        step_id, step = found
        updates = given(run, run.node_of(step), event.signal_id, step_id)
        run.set_signals(structs.replace(run.signals, given=updates))
        run.disarm(step)
        end(run, kind_of(run, step_id, step).on_result(run, step_id, step, event.payload))


def answer(run: RunChanges, event: SignalReceived) -> None:
    """Ask for the attempt that a person allows, or fail the step that one refuses."""
    _remember(run, event)
    step_id = step_of(event.name) or ""
    step = run.recorded(step_id)
    asks = step.asks
    if asks is None:
        return
    run.disarm(step)
    if not approval.is_yes(event.payload):
        end(run, approval.refused(step_id, asks, event.sent_by))
        return
    yes = structs.replace(step, asks=None, approvals=approval.approved(step, asks, event.sent_by))
    kind_of(run, step_id, step).on_timer[Defer](run, step_id, yes)


def early_signal(run: RunChanges, event: SignalReceived) -> None:
    """Keep a signal for the step that will wait for it."""
    _remember(run, event)
    kept = Kept(event.name, event.payload, payload_size(event.payload), event.signal_id)
    run.set_signals(structs.replace(run.signals, kept=(*run.signals.kept, kept)))


def signal_too_many(run: RunChanges, event: SignalReceived) -> None:
    """Drop a signal that there is no room for, for good."""
    _remember(run, event)
    run.commands.append(late("signals_full"))


def child_is(run: RunReader, event: ChildFinished) -> ChildIs:
    """Return whether a step waits for a run that has ended, or for its cost at least."""
    step = run.step(event.step_id)
    if step is None or not workflow.is_of(run, event, step):
        return "not_ours"
    if workflow.awaits(run.node_of(step), step) and event.attempt == step.attempt:
        return "awaited"
    return "unsettled" if event.attempt in step.unsettled else "settled"


def child(run: RunChanges, event: ChildFinished) -> None:
    """End the attempt that waits for a run."""
    step = child_cost(run, event, run.recorded(event.step_id))
    run.disarm(step)
    end(run, kind_of(run, event.step_id, step).on_result(run, event.step_id, step, event))


def child_paid_late(run: RunChanges, event: ChildFinished) -> None:
    """Count the cost of a run that nobody waits for any more, once."""
    step = child_cost(run, event, run.recorded(event.step_id))
    run.commands.append(late("finished_run" if run.is_over else "old_attempt"))
    left = tuple(attempt for attempt in step.unsettled if attempt != event.attempt)
    run.change(event.step_id, step, unsettled=left)


def child_late(run: RunChanges, event: ChildFinished) -> None:
    """Count an end that decides nothing; what the run has cost since it was counted first."""
    run.commands.append(late("finished_run" if run.is_over else "old_attempt"))
    step = run.recorded(event.step_id)
    if step.booked is not None and f"{event.attempt}" in step.booked:
        child_cost(run, event, step)


def cancel_run(run: RunChanges, event: CancelRequested) -> None:
    """Cancel the run."""
    if event.code in FLOW_ENDS:
        details = {"by_run": event.by_run} if event.by_run else {}
        cancel(run, ErrorInfo(code=event.code, message=event.reason[:1000], details=details))
        return
    by = f" by {event.requested_by}" if event.requested_by else ""
    why = f": {event.reason}" if event.reason else ""
    cancel(run, ErrorInfo(code="canceled", message=f"canceled{by}{why}"[:1000]))


def _remember(run: RunChanges, event: SignalReceived) -> None:
    run.set_signals(structs.replace(run.signals, ids=(*run.signals.ids, event.signal_id)[-IDS_MOST:]))
