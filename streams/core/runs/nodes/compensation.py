"""What runs after a run has failed or was canceled. The run's end is set before, and nothing here changes it.

1. The roots for that end are requested by the event that ends the run. A node after them runs when all nodes that lead
   to it are settled and one succeeded (or as its ``join`` says), else it is skipped.
2. Attempts, retries, deferrals and timeouts are those of any step. No cancel stops them, and workers do not refuse
   them as steps of an ended run (``StepRequest.compensation``).
3. Their inputs may name outputs of every other node: null of one that has not succeeded.
4. A failure for good is shown and counted. What follows it may still run by its join.
5. A run that flow control ended before it began has done nothing, so nothing runs after it.
6. A run is kept until all of them are settled, and then for as long as any run that ended.
"""

from collections.abc import Iterable, Iterator

import msgspec

from schemas.metrics import COMPENSATION_FAILURES_TOTAL
from schemas.records.base import ErrorInfo
from schemas.run_states import TERMINAL_STEP
from schemas.spec.flow import FLOW_ENDS
from streams.core.commands import Count
from streams.core.runs.nodes.join import verdict, why_skipped
from streams.core.runs.plan.arguments import BindingError
from streams.core.runs.plan.model import PlanNode
from streams.core.runs.requests.step_request import request, timeout_timer
from streams.core.runs.state.changes import RunChanges
from streams.core.runs.state.entries import Step
from streams.core.runs.state.reader import RunReader


def begin(run: RunChanges) -> None:
    """Request what is to run after the end that this event brought."""
    if run.started_at_ms is None and run.error is not None and run.error.code in FLOW_ENDS:
        return
    roots = run.plan.on_failure if run.status == "failed" else run.plan.on_cancel if run.status == "canceled" else ()
    _go_on(run, [run.plan.nodes[root] for root in roots])


def settled(run: RunChanges, step: Step) -> None:
    """Go on after a compensating step succeeded or failed for good."""
    node = run.node_of(step)
    if step.state == "failed":
        _count_failure(run, node)
    _go_on(run, _followers(run, node))


def is_open(run: RunReader) -> bool:
    """Whether a compensating step may still run."""
    return any(step.state not in TERMINAL_STEP for step in _steps(run))


def last_ms(run: RunReader) -> int:
    """Return when something last happened to a compensating step, as far as the entries and this event say.

    A cost that comes late is nothing of that kind: it must not make the run stay.
    """
    asked = max((step.requested_at_ms or 0 for step in _steps(run)), default=0)
    return run.now_ms if run.plan.apart & (run.changed.keys() - run.paid_late) else asked


def _steps(run: RunReader) -> Iterator[Step]:
    if run.is_over:
        found = (run.step(node) for node in run.plan.apart)
        yield from (step for step in found if step is not None)


def _go_on(run: RunChanges, due: Iterable[PlanNode]) -> None:
    waiting = list(due)
    for node in waiting:
        if run.begun(node.id):
            continue
        said = verdict(run, node)
        if said == "skip":
            run.skip(node.id, why_skipped(run, node))
            waiting += _followers(run, node)
        elif said == "run" and not _ask(run, node):
            waiting += _followers(run, node)


def _followers(run: RunReader, node: PlanNode) -> list[PlanNode]:
    return [run.plan.nodes[follower] for follower in node.successors]


def _ask(run: RunChanges, node: PlanNode) -> bool:
    """Ask for a node; ``False`` when it failed at once, because its arguments cannot be bound."""
    timer, due_ms = timeout_timer(node, node.id, 1, run.now_ms)
    step = Step(node.id, "running", attempt=1, requested_at_ms=run.now_ms, timer=timer, due_ms=due_ms)
    step = run.labelled(node.id, step)
    try:
        request(run, node.id, step)
    except BindingError as exc:
        error = ErrorInfo(code=exc.code, message=str(exc), step_id=node.id)
        failed = msgspec.structs.replace(
            step, state="failed", error=error, attempt=0, timer=None, due_ms=None, finished_at_ms=run.now_ms
        )
        run.begin(node.id, failed)
        _count_failure(run, node)
        return False
    run.begin(node.id, step)
    if timer is not None and due_ms is not None:
        run.arm(timer, due_ms)
    return True


def _count_failure(run: RunChanges, node: PlanNode) -> None:
    labels = (("workflow", run.header.workflow_name), ("node", node.id))
    run.commands.append(Count(COMPENSATION_FAILURES_TOTAL, labels))
