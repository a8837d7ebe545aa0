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


def succeed(turn: RunChanges) -> None:
    """End a run whose nodes are all settled: well, unless that was after its deadline, or its output does not fit.

    The timer comes up to half a second later, so that the last result may be before it in the log.
    """
    if turn.deadline_ms is not None and turn.now_ms > turn.deadline_ms:
        exceed_deadline(turn)
    elif (error := output_error(turn)) is not None:
        _end(turn, "failed", error)
    else:
        _end(turn, "succeeded", None)


def fail_with(turn: RunChanges, step: Step, error: ErrorInfo) -> None:
    """End a run by a step that failed for good. The mapped node of a failed child failed, too."""
    _fail_map_of(turn, step, error)
    _cancel_open(turn)
    _end(turn, "failed", error)


def give_up(turn: RunChanges, step: Step, error: ErrorInfo) -> None:
    """End an optional node by its step, or a child, that failed for good. Nothing of it, or in it, is waited for."""
    node = turn.node_of(step)
    if not step.is_of_map and node.body is None:
        return
    _fail_map_of(turn, step, error)
    _cancel_open(turn, node)
    turn.requests = [one for one in turn.requests if not _serves(turn, turn.step(one.step_id), node)]
    turn.ready = [step_id for step_id in turn.ready if not _serves(turn, turn.step(step_id), node)]


def _serves(turn: RunReader, step: Step | None, node: PlanNode) -> bool:
    """Return whether a step is one of a node, or inside of it."""
    return step is not None and (step.node == node.id or turn.node_of(step).loop == node.id)


def _fail_map_of(turn: RunChanges, step: Step, error: ErrorInfo) -> None:
    parent = turn.step(step.node) if step.is_of_map else None
    if parent is not None and parent.state == "running":
        turn.change(step.node, parent, state="failed", error=error, finished_at_ms=turn.now_ms)


def exceed_deadline(turn: RunChanges) -> None:
    """End a run that took too long."""
    took_ms = turn.now_ms - turn.header.submitted_at_ms
    message = f"the run was not done {took_ms} ms after its submission; see which steps were open, or allow more"
    _cancel_open(turn)
    _end(turn, "failed", ErrorInfo(code="deadline_exceeded", message=message))


def cancel(turn: RunChanges, error: ErrorInfo) -> None:
    """End a run because somebody asked for it."""
    _cancel_open(turn)
    _end(turn, "canceled", error)


def _cancel_open(turn: RunChanges, node: PlanNode | None = None) -> None:
    for step_id, step in list(turn.steps()):
        if step.state not in TERMINAL_STEP and (node is None or _serves(turn, step, node)):
            turn.disarm(step)
            still_open = step.attempt_is_open or kind_of(turn, step_id, step).give_up(turn, step_id, step)
            turn.change(
                step_id,
                step,
                state="canceled",
                timer=None,
                due_ms=None,
                waiting_for=None,
                finished_at_ms=turn.now_ms,
                unsettled=(*step.unsettled, step.attempt) if still_open else step.unsettled,
            )


def _end(turn: RunChanges, status: RunState, error: ErrorInfo | None) -> None:
    turn.move(status)
    turn.error = error
    turn.finished_at_ms = turn.now_ms
    turn.ended = True
    turn.requests.clear()
    turn.ready.clear()
    if turn.deadline_ms is not None:
        turn.deadline_ms = None
        turn.commands.append(Disarm(turn.run_id, timer_id(DEADLINE)))
    name = turn.header.workflow_name
    seconds = max(0, turn.now_ms - turn.header.submitted_at_ms) / 1000
    labels, trace = (("workflow", name),), trace_id(turn.run_id)
    turn.commands += (
        Count(WORKFLOW_RUNS_TOTAL, (("workflow", name), ("status", status))),
        Observe(WORKFLOW_DURATION_SECONDS, seconds, labels, trace),
        Observe(WORKFLOW_COST_CENTS, turn.cost_nano / NANO_PER_CENT, labels, trace),
    )
