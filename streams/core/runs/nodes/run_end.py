"""The end of a run: its status, what is left open and its counts."""

from schemas.ids import trace_id
from schemas.metrics import WORKFLOW_COST_CENTS, WORKFLOW_DURATION_SECONDS, WORKFLOW_RUNS_TOTAL
from schemas.money import NANO_PER_CENT
from schemas.records.base import ErrorInfo
from schemas.records.timers import timer_id
from schemas.run_states import TERMINAL_STEP, RunState
from streams.core.commands import Count, Disarm, Observe
from streams.core.runs.nodes.kinds import kind_of
from streams.core.runs.plan.model import PlanNode
from streams.core.runs.state.changes import RunChanges
from streams.core.runs.state.entries import DEADLINE, Step
from streams.core.runs.state.reader import RunReader
from streams.core.runs.views.run_output import output_error

#: How long a finished run stays in the table unless told, for late costs and repeated submissions.
KEEP_FINISHED_MS = 3_600_000


def succeed(run: RunChanges) -> None:
    """End a run whose nodes are all settled: well, unless that was after its deadline, or its output does not fit.

    The timer comes up to half a second later, so that the last result may be before it in the log.
    """
    if run.deadline_ms is not None and run.now_ms > run.deadline_ms:
        exceed_deadline(run)
    elif (error := output_error(run)) is not None:
        _end(run, "failed", error)
    else:
        _end(run, "succeeded", None)


def fail_with(run: RunChanges, step: Step, error: ErrorInfo) -> None:
    """End a run by a step that failed for good. The mapped node of a failed child failed, too."""
    _fail_map_of(run, step, error)
    _cancel_open(run)
    _end(run, "failed", error)


def give_up(run: RunChanges, step: Step, error: ErrorInfo) -> None:
    """End an optional node by its step, or a child, that failed for good. Nothing of it, or in it, is waited for."""
    node = run.node_of(step)
    if not step.is_of_map and node.body is None:
        return
    _fail_map_of(run, step, error)
    _cancel_open(run, node)
    run.requests = [one for one in run.requests if not _serves(run, run.step(one.step_id), node)]
    run.ready = [step_id for step_id in run.ready if not _serves(run, run.step(step_id), node)]


def _serves(run: RunReader, step: Step | None, node: PlanNode) -> bool:
    """Return whether a step is one of a node, or inside of it."""
    return step is not None and (step.node == node.id or run.node_of(step).loop == node.id)


def _fail_map_of(run: RunChanges, step: Step, error: ErrorInfo) -> None:
    parent = run.step(step.node) if step.is_of_map else None
    if parent is not None and parent.state == "running":
        run.change(step.node, parent, state="failed", error=error, finished_at_ms=run.now_ms)


def exceed_deadline(run: RunChanges) -> None:
    """End a run that took too long."""
    took_ms = run.now_ms - run.header.submitted_at_ms
    message = f"the run was not done {took_ms} ms after its submission; see which steps were open, or allow more"
    _cancel_open(run)
    _end(run, "failed", ErrorInfo(code="deadline_exceeded", message=message))


def cancel(run: RunChanges, error: ErrorInfo) -> None:
    """End a run because somebody asked for it."""
    _cancel_open(run)
    _end(run, "canceled", error)


def _cancel_open(run: RunChanges, node: PlanNode | None = None) -> None:
    for step_id, step in list(run.steps()):
        if step.state not in TERMINAL_STEP and (node is None or _serves(run, step, node)):
            run.disarm(step)
            still_open = step.attempt_is_open or kind_of(run, step_id, step).give_up(run, step_id, step)
            run.change(
                step_id,
                step,
                state="canceled",
                timer=None,
                due_ms=None,
                waiting_for=None,
                finished_at_ms=run.now_ms,
                unsettled=(*step.unsettled, step.attempt) if still_open else step.unsettled,
            )


def _end(run: RunChanges, status: RunState, error: ErrorInfo | None) -> None:
    run.move(status)
    run.error = error
    run.finished_at_ms = run.now_ms
    run.ended = True
    run.requests.clear()
    run.ready.clear()
    if run.deadline_ms is not None:
        run.deadline_ms = None
        run.commands.append(Disarm(run.run_id, timer_id(DEADLINE)))
    name = run.header.workflow_name
    seconds = max(0, run.now_ms - run.header.submitted_at_ms) / 1000
    labels, trace = (("workflow", name),), trace_id(run.run_id)
    run.commands += (
        Count(WORKFLOW_RUNS_TOTAL, (("workflow", name), ("status", status))),
        Observe(WORKFLOW_DURATION_SECONDS, seconds, labels, trace),
        Observe(WORKFLOW_COST_CENTS, run.cost_nano / NANO_PER_CENT, labels, trace),
    )
