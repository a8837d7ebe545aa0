"""What workers say of attempts: results, failures, deferrals; and how a chain is given back (see ``requests.chained``).

Each rule takes the run and its event, in the situation that ``rules`` names it for.
"""

from typing import Any, Literal

from msgspec import structs

from schemas.records.run_events import StepDeferred, StepFailed, StepSucceeded
from schemas.records.timers import Defer
from streams.core.runs.events.costs import pay, pay_others, pay_run
from streams.core.runs.events.step_end import end, fail, succeed
from streams.core.runs.events.unsealed import refused, worded
from streams.core.runs.nodes.approval import waits
from streams.core.runs.nodes.kind import NO_TIMER
from streams.core.runs.nodes.kinds import kind_of
from streams.core.runs.nodes.signal import output_of
from streams.core.runs.nodes.worker_step import ask_again
from streams.core.runs.plan.model import is_part
from streams.core.runs.requests.sizes import OUTPUT_LIMIT, payload_size, too_large, trimmed
from streams.core.runs.requests.step_request import asked_for, request
from streams.core.runs.state.changes import RunChanges, late
from streams.core.runs.state.entries import Step
from streams.core.runs.state.reader import RunReader

Outcome = StepSucceeded | StepFailed

#: What the attempt is that an outcome is of.
AttemptIs = Literal["never_asked", "open", "made_of_others", "unsettled", "settled"]
#: What the attempt is that is given back.
GivenBackIs = Literal["open", "not_open"]


def attempt_is(run: RunReader, event: Outcome) -> AttemptIs:
    """Return what the attempt is that an outcome is of.

    ``made_of_others``: it is open, and its worker went on from another output than the recorded one. ``unsettled``: it
    was given up, and its cost may still come.
    """
    step = run.step(event.step_id)
    if step is None or _never_asked(step):
        return "never_asked"
    if not step.attempt_is_open or event.attempt != step.attempt:
        return "unsettled" if event.attempt in step.unsettled else "settled"
    if event.args_hash and event.args_hash != asked_for(run, run.node_of(step)):
        return "made_of_others"
    return "open"


def given_back_is(run: RunReader, event: StepDeferred) -> GivenBackIs:
    """Return whether the attempt that a worker gives back is open, and not given back so already."""
    step = run.step(event.step_id)
    if step is None or step.total is not None or step.state != "running" or step.attempt != event.attempt:
        return "not_open"
    return "open" if event.deferral == step.deferral + 1 else "not_open"


def succeeded(run: RunChanges, event: StepSucceeded) -> None:
    """Record an output and go on."""
    step_id, step = event.step_id, _paid_for(run, event)
    outcome = _outcome(event)
    if (problem := refused(run, event)) is not None:
        fail(run, step_id, step, problem, outcome)
    elif (size := payload_size(event.output)) > OUTPUT_LIMIT:
        fail(run, step_id, step, too_large(step_id, size), outcome)
    elif is_part(step_id):
        where, calls = output_of(event.output), tuple(event.tool_calls)
        part = run.change(step_id, step, state="succeeded", error=None, calls=calls, **where, **outcome)
        end(run, kind_of(run, step_id, part).on_result(run, step_id, part, None))
    else:
        continued = event.chain == "continues" and _holds_its_request(step)
        succeed(run, step_id, step, event.output, outcome, continued=continued)


def failed(run: RunChanges, event: StepFailed) -> None:
    """Record a failed attempt: try again, go on without an optional node, or fail the run."""
    step = _paid_for(run, event)
    fail(run, event.step_id, step, trimmed(worded(run, event), event.step_id), _outcome(event))


def deferred(run: RunChanges, event: StepDeferred) -> None:
    """Ask for the same attempt again at the time that the worker names, or when a person has said yes."""
    step = run.recorded(event.step_id)
    run.disarm(step)
    if event.asks is not None:
        asked = run.change(event.step_id, step, **waits(run, event, event.asks))
        if asked.timer is not None and asked.due_ms is not None:
            run.arm(asked.timer, asked.due_ms)
        return
    timer = Defer(event.step_id, event.attempt, event.deferral)
    run.change(
        event.step_id,
        step,
        state="waiting",
        deferral=event.deferral,
        timer=timer,
        due_ms=event.until_ms,
        waiting_for=event.reason[:200],
        worker_id=event.worker_id,
    )
    run.arm(timer, event.until_ms)


def deferred_late(run: RunChanges, event: StepDeferred) -> None:
    """Take back the chain that the attempt's request carried, if it did."""
    run.commands.append(late("deferral"))
    _take_over(run, event)


def settled_late(run: RunChanges, event: Outcome) -> None:
    """Count an outcome that decides nothing, and those of its calls that were not counted."""
    run.commands.append(late("finished_run" if run.is_over else "old_attempt"))
    pay_others(run, event, run.recorded(event.step_id))
    _take_over(run, event)


def paid_late(run: RunChanges, event: Outcome) -> None:
    """Count the money of an attempt whose outcome decides nothing any more, once."""
    run.commands.append(late("finished_run" if run.is_over else "old_attempt"))
    step = run.recorded(event.step_id)
    unsettled = tuple(attempt for attempt in step.unsettled if attempt != event.attempt)
    run.change(event.step_id, pay(run, event, step), unsettled=unsettled)
    _take_over(run, event)


def made_of_others(run: RunChanges, event: Outcome) -> None:
    """Pay for an outcome that was made of another output than the recorded one, and ask for the next attempt.

    It takes a worker that lost both its claim and the race to record: see ``requests.chained``.
    """
    run.commands.append(late("other_args"))
    step = _paid_for(run, event)
    run.change(event.step_id, step)
    ask_again(run, event.step_id, step, step.attempt + 1, 0)


def never_asked(run: RunChanges, event: Outcome) -> None:
    """Use up the attempt of a step that its worker went on to while the fold, not knowing that, did not ask for it.

    The run was over, or the outcome that the worker went on from was not the one that was recorded. The money counts,
    and if the step is requested after all, that is another attempt: this one's claim has an outcome that nobody took.
    """
    run.commands.append(late("unknown_step"))
    node = run.plan.nodes.get(event.step_id)
    if not event.args_hash or node is None or node.parallel:
        pay_run(run, event)
        return
    step = run.step(node.id) or Step(node.id, "canceled" if run.is_over else "pending")
    paid = pay(run, event, step)
    run.leave(event.step_id, structs.replace(paid, attempt=event.attempt, finished_at_ms=run.finished_at_ms))


def _holds_its_request(step: Step) -> bool:
    """Return whether the request of a step's open attempt is still with a worker, as far as the log says.

    Once it was returned, a worker that still executes it has nothing that would be read again after a crash.
    """
    return step.state == "running" and not step.deferral


def _take_over(run: RunChanges, event: Outcome | StepDeferred) -> None:
    """Ask for the step that is chained to a request that is given back, after somebody else recorded its own step.

    A worker that has it all the same is found by the claim.
    """
    if event.chain != "returned" or run.is_over:
        return
    nodes = run.plan.nodes
    node = nodes.get(event.step_id)
    while node is not None and run.succeeded(node.id):
        node = nodes[node.next] if node.next is not None else None
    step = run.step(node.id) if node is not None and node.id != event.step_id else None
    if node is not None and step is not None and step.attempt == 1 and _holds_its_request(step):
        request(run, node.id, step)


def _never_asked(step: Step) -> bool:
    """Return whether a step was not requested: it is queued for a slot, was canceled there, or is a map's own."""
    return step.total is not None or (step.attempt == 0 and step.state in ("ready", "canceled"))


def _paid_for(run: RunChanges, event: Outcome) -> Step:
    """Return the step whose open attempt an outcome is of, paid for and disarmed."""
    step = run.recorded(event.step_id)
    run.disarm(step)
    return pay(run, event, step)


def _outcome(event: Outcome) -> dict[str, Any]:
    """Return what a step takes over from the outcome of its attempt."""
    return {
        "provider": event.provider,
        "model": event.model,
        "cached": event.cached,
        "worker_id": event.worker_id,
        "started_at_ms": event.started_at_ms,
        "finished_at_ms": event.finished_at_ms,
        **NO_TIMER,
    }
