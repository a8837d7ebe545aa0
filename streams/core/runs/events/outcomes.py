"""What the events of a running run do: results, deferrals, timers, cancels. Each takes the turn and its event."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from schemas.metrics import STEP_RETRIES_TOTAL
from schemas.payload import Payload, inline
from schemas.records.base import ErrorInfo, kinds_together
from schemas.records.run_events import (
    CancelRequested,
    ChildFinished,
    SignalReceived,
    StepDeferred,
    StepFailed,
    StepSucceeded,
    TimerFired,
)
from schemas.records.timers import Backstop, Deadline, Defer, Detached, Retry, SignalTimeout, StepTimer, Wait
from streams.core.commands import Count
from streams.core.runs.events.chain_returned import holds_its_request, never_asked, settle_never_asked, take_over
from streams.core.runs.nodes import agent as agents
from streams.core.runs.nodes import compensation, workflow
from streams.core.runs.nodes import signal as signals
from streams.core.runs.nodes.agent import ask, part_of
from streams.core.runs.nodes.dispatch import map_went_on, node_done, node_failed
from streams.core.runs.nodes.map import map_step_ended
from streams.core.runs.nodes.retry import may_retry, wait_ms
from streams.core.runs.nodes.run_end import cancel, exceed_deadline
from streams.core.runs.nodes.sla import judged, remembered
from streams.core.runs.nodes.waiting import output_at_due, timed_out
from streams.core.runs.plan.waiting_nodes import Child, Signal
from streams.core.runs.requests.sizes import KIB, OUTPUT_LIMIT, payload_size, trimmed
from streams.core.runs.requests.step_request import asked_for, timeout_timer
from streams.core.runs.state.entries import Step
from streams.core.runs.state.run import Turn, late
from streams.core.runs.transitions import ImpossibleMove

_NO_TIMER: dict[str, Any] = {"timer": None, "due_ms": None, "waiting_for": None}


def step_succeeded(turn: Turn, event: StepSucceeded) -> None:
    """Record an output and go on."""
    step = _accept(turn, event)
    if step is None:
        return
    size = payload_size(event.output)
    if size > OUTPUT_LIMIT:
        _fail(turn, event.step_id, step, _too_large(event.step_id, size), _outcome(step, event))
        return
    if part_of(event.step_id) is not None:
        _part_succeeded(turn, event, step)
        return
    rides = event.chain == "continues" and holds_its_request(step)
    _succeed(turn, event.step_id, step, event.output, _outcome(step, event), rides=rides)


def complete(turn: Turn, step_id: str, step: Step, output: Payload) -> None:
    """Record the output of a step that no worker worked on and go on. Its timer is gone or fired."""
    _succeed(turn, step_id, step, output, {"finished_at_ms": turn.now_ms, **_NO_TIMER})


def _succeed(
    turn: Turn, step_id: str, step: Step, output: Payload, outcome: dict[str, Any], *, rides: bool = False
) -> None:
    where = signals.output_of(output)
    done = turn.change(step_id, step, state="succeeded", error=None, **where, **outcome, **judged(turn, step))
    if turn.is_over:
        compensation.settled(turn, done)
    elif not done.is_of_map:
        node_done(turn, turn.node_of(done), rides=rides)
    else:
        map_went_on(turn, turn.node_of(done), map_step_ended(turn, turn.node_of(done), done))


def _part_succeeded(turn: Turn, event: StepSucceeded, step: Step) -> None:
    """Record a turn of an agent, or a call, and go on with the agent."""
    fields = signals.output_of(event.output) | _outcome(step, event)
    turn.change(event.step_id, step, state="succeeded", error=None, calls=tuple(event.tool_calls), **fields)
    if part_of(event.step_id) == "tool":
        _end_agent(turn, event.step_id, agents.after_call(turn, event.step_id))
    elif event.tool_calls:
        _end_agent(turn, event.step_id, agents.after_turn(turn, event.step_id, event.tool_calls))
    else:
        agent_id, _ = agents.place_of(event.step_id)
        parent = turn.recorded(agent_id)
        complete(turn, agent_id, parent, event.output)


def _end_agent(turn: Turn, part_id: str, error: ErrorInfo | None) -> None:
    """Fail the agent of a part, if there is a reason."""
    if error is None:
        return
    agent_id, _ = agents.place_of(part_id)
    parent = turn.recorded(agent_id)
    _fail(turn, agent_id, parent, error, {"finished_at_ms": turn.now_ms, **_NO_TIMER})


def step_failed(turn: Turn, event: StepFailed) -> None:
    """Record a failed attempt: try again, go on without an optional node, or fail the run."""
    step = _accept(turn, event)
    if step is not None:
        _fail(turn, event.step_id, step, trimmed(event.error, event.step_id), _outcome(step, event))


def step_deferred(turn: Turn, event: StepDeferred) -> None:
    """Ask for the same attempt again at the time that the worker names."""
    step = turn.step(event.step_id)
    current = step is not None and step.state == "running" and step.attempt == event.attempt
    if step is None or step.total is not None or not current or event.deferral != step.deferral + 1:
        turn.commands.append(late("deferral"))
        take_over(turn, event)
        return
    turn.disarm(step)
    timer = Defer(event.step_id, event.attempt, event.deferral)
    turn.change(
        event.step_id,
        step,
        state="waiting",
        deferral=event.deferral,
        timer=timer,
        due_ms=event.until_ms,
        waiting_for=event.reason[:200],
        worker_id=event.worker_id,
    )
    turn.arm(timer, event.until_ms)


def timer_fired(turn: Turn, event: TimerFired) -> None:
    """Do what the step waited for, if it still does."""
    timer = event.timer
    if isinstance(timer, Deadline):
        _end_of_time(turn)
        return
    step = turn.step(timer.step_id)
    if step is None or step.timer != timer:
        turn.commands.append(late("timer"))
    else:
        ON_TIMER[type(timer)](turn, timer.step_id, step)


def _end_of_time(turn: Turn) -> None:
    if turn.deadline_ms is None:
        turn.commands.append(late("timer"))
    else:
        exceed_deadline(turn)


def _retry(turn: Turn, step_id: str, step: Step) -> None:
    labels = (("workflow", turn.header.workflow_name), ("node", step.node))
    turn.commands.append(Count(STEP_RETRIES_TOTAL, labels))
    if isinstance(turn.node_of(step).dynamic, Child) and step.gather is None:
        workflow.begin_again(turn, step_id, step)
    else:
        _ask_again(turn, step_id, step, step.attempt + 1, 0)


def _ask_deferred(turn: Turn, step_id: str, step: Step) -> None:
    _ask_again(turn, step_id, step, step.attempt, step.deferral)


def _end_of_pause(turn: Turn, step_id: str, step: Step) -> None:
    complete(turn, step_id, step, output_at_due(step))


def _end_of_detached(turn: Turn, step_id: str, step: Step) -> None:
    if step.output is None:
        raise ImpossibleMove(f"step '{step_id}' does not wait for its run, and has no output")
    complete(turn, step_id, step, step.output)


def signal_received(turn: Turn, event: SignalReceived) -> None:
    """Give a signal to the step that waits for it, or keep it."""
    found = signals.take(turn, event)
    if found is not None:
        step_id, step = found
        turn.disarm(step)
        complete(turn, step_id, step, event.payload)


def child_finished(turn: Turn, event: ChildFinished) -> None:
    """Take the end of a run that a step started. What it did cost counts once, whoever still waits for it."""
    step = turn.step(event.step_id)
    if step is None or not workflow.is_of(turn, event, step):
        turn.commands.append(late("unknown_step"))
        return
    waits = workflow.awaits(turn.node_of(step), step) and event.attempt == step.attempt
    if waits or event.attempt in step.unsettled:
        turn.children_nano += event.cost_nano
    if not waits:
        turn.commands.append(late("finished_run" if turn.is_over else "old_attempt"))
        left = tuple(attempt for attempt in step.unsettled if attempt != event.attempt)
        if left != step.unsettled:
            turn.change(event.step_id, step, unsettled=left)
        return
    turn.disarm(step)
    error = workflow.why_failed(event, turn.node_of(step))
    if error is None and (size := payload_size(event.output)) > OUTPUT_LIMIT:
        error = _too_large(event.step_id, size)
    if error is None:
        complete(turn, event.step_id, step, event.output or inline(None))
    else:
        ended = {"finished_at_ms": turn.now_ms, **_NO_TIMER}
        _fail(turn, event.step_id, step, trimmed(error, event.step_id), ended)


def cancel_requested(turn: Turn, event: CancelRequested) -> None:
    """Cancel the run, unless it is over."""
    if turn.is_over:
        turn.commands.append(late("finished_run"))
        return
    by = f" by {event.requested_by}" if event.requested_by else ""
    why = f": {event.reason}" if event.reason else ""
    cancel(turn, ErrorInfo(code="canceled", message=f"canceled{by}{why}"[:1000]))


def _end_of_signal(turn: Turn, step_id: str, step: Step) -> None:
    """End a step whose signal was there before it, or did not come in time."""
    signal = turn.node_of(step).folded(Signal)
    if step.output is not None:
        complete(turn, step_id, step, step.output)
    elif signal.default is not None:
        complete(turn, step_id, step, inline(signal.default))
    else:
        _fail(turn, step_id, step, timed_out(step_id, signal), {"finished_at_ms": turn.now_ms, **_NO_TIMER})


def _accept(turn: Turn, event: StepSucceeded | StepFailed) -> Step | None:
    """Return the step whose open attempt this is the outcome of, paid for and disarmed; else settle and count."""
    step = turn.step(event.step_id)
    if step is None or never_asked(step):
        turn.commands.append(late("unknown_step"))
        settle_never_asked(turn, event)
        return None
    if not step.attempt_is_open or event.attempt != step.attempt:
        _settle_late(turn, step, event)
        take_over(turn, event)
        return None
    if event.args_hash and event.args_hash != asked_for(turn, turn.node_of(step)):
        _ask_for_the_recorded(turn, step, event)
        return None
    turn.pay(event.cost_nano, event.usage)
    turn.disarm(step)
    return step


def _settle_late(turn: Turn, step: Step, event: StepSucceeded | StepFailed) -> None:
    """Count the money of an attempt whose outcome decides nothing any more, once."""
    turn.commands.append(late("finished_run" if turn.is_over else "old_attempt"))
    if event.attempt not in step.unsettled:
        return
    unsettled = tuple(attempt for attempt in step.unsettled if attempt != event.attempt)
    turn.pay(event.cost_nano, event.usage)
    turn.change(event.step_id, step, unsettled=unsettled, **_paid(step, event))


def _ask_for_the_recorded(turn: Turn, step: Step, event: StepSucceeded | StepFailed) -> None:
    """Pay for an outcome that was made of another output than the recorded one, and ask for the next attempt.

    It takes a worker that lost both its claim and the race to record: see ``chain``.
    """
    turn.commands.append(late("other_args"))
    turn.pay(event.cost_nano, event.usage)
    turn.disarm(step)
    paid = turn.change(event.step_id, step, **_paid(step, event))
    _ask_again(turn, event.step_id, paid, step.attempt + 1, 0)


def _paid(step: Step, event: StepSucceeded | StepFailed) -> dict[str, Any]:
    return {
        "cost_nano": step.cost_nano + event.cost_nano,
        "input_tokens": step.input_tokens + event.usage.input_tokens,
        "output_tokens": step.output_tokens + event.usage.output_tokens,
        "kinds": kinds_together(step.kinds, event.usage.kinds),
    }


def _outcome(step: Step, event: StepSucceeded | StepFailed) -> dict[str, Any]:
    """Return what a step takes over from the outcome of its attempt."""
    return {
        "provider": event.provider,
        "model": event.model,
        "cached": event.cached,
        "worker_id": event.worker_id,
        "started_at_ms": event.started_at_ms,
        "finished_at_ms": event.finished_at_ms,
        **_NO_TIMER,
        **_paid(step, event),
    }


def _fail(turn: Turn, step_id: str, step: Step, error: ErrorInfo, outcome: dict[str, Any]) -> None:
    """End an attempt by an error."""
    retries = turn.node_of(step).policy.retries
    if not may_retry(retries, step.attempt, error):
        failed = turn.change(step_id, step, state="failed", error=error, **outcome, **judged(turn, step))
        if turn.is_over:
            compensation.settled(turn, failed)
        elif (part := part_of(step_id)) is not None:
            told = agents.after_call(turn, step_id) if part == "tool" else agents.why_failed(turn, step_id, error)
            _end_agent(turn, step_id, told)
        elif failed.index is not None:
            map_went_on(turn, turn.node_of(failed), map_step_ended(turn, turn.node_of(failed), failed))
        else:
            node_failed(turn, failed, error)
        return
    wait = wait_ms(retries, turn.run_id, step_id, step.attempt, error.retry_after_ms)
    timer, due_ms = Retry(step_id, step.attempt + 1), turn.now_ms + wait
    waiting = outcome | {"timer": timer, "due_ms": due_ms, "waiting_for": "retry"}
    turn.change(step_id, step, state="waiting", error=error, **waiting)
    turn.arm(timer, due_ms)


def _ask_again(turn: Turn, step_id: str, step: Step, attempt: int, deferral: int) -> None:
    timer, due_ms = timeout_timer(turn.node_of(step), step_id, attempt, turn.now_ms)
    again = turn.change(
        step_id,
        step,
        state="running",
        attempt=attempt,
        deferral=deferral,
        requested_at_ms=turn.now_ms,
        started_at_ms=None,
        finished_at_ms=None,
        error=None,
        timer=timer,
        due_ms=due_ms,
        waiting_for=None,
        **remembered(turn, step),
    )
    ask(turn, step_id, again)
    if timer is not None and due_ms is not None:
        turn.arm(timer, due_ms)


def _time_out(turn: Turn, step_id: str, step: Step) -> None:
    gone = {"unsettled": (*step.unsettled, step.attempt), "finished_at_ms": turn.now_ms, **_NO_TIMER}
    if workflow.give_up(turn, step_id, step):
        _fail(turn, step_id, step, workflow.timed_out(step_id, step, turn.node_of(step)), gone)
        return
    error = ErrorInfo(
        code="timeout",
        message=f"no worker gave a result of attempt {step.attempt} in time; see whether workers run and keep up",
        retryable=True,
        step_id=step_id,
    )
    if turn.node_of(step).policy.on_unknown != "retry" and step.gather is None:
        # Another attempt has another idempotency key, so the tool could no longer tell the two apart.
        error = msgspec.structs.replace(error, code="outcome_unknown", retryable=False)
    _fail(turn, step_id, step, error, gone)


def _too_large(step_id: str, size: int) -> ErrorInfo:
    message = (
        f"the output has {size // KIB} KiB inside its record, the most is {OUTPUT_LIMIT // KIB}; store it as an object"
    )
    return ErrorInfo(code="too_large", message=message, step_id=step_id)


#: What a step does when the timer is due that it waits for.
ON_TIMER: Mapping[type[StepTimer], Callable[[Turn, str, Step], None]] = {
    Retry: _retry,
    Defer: _ask_deferred,
    Backstop: _time_out,
    Wait: _end_of_pause,
    SignalTimeout: _end_of_signal,
    Detached: _end_of_detached,
}
