"""Nodes that became ready: their requests, their children, or their end at once; and what follows a settled node."""

from collections.abc import Iterable

import msgspec

from schemas.records.base import ErrorInfo
from streams.core.runs.nodes.agent import ask_part
from streams.core.runs.nodes.concurrency import has_room, is_queued, next_queued, queue_run
from streams.core.runs.nodes.decide import why_not
from streams.core.runs.nodes.join import Verdict, unseen, verdict, why_skipped
from streams.core.runs.nodes.kind import NO_TIMER, judged
from streams.core.runs.nodes.kinds import NODE_KINDS
from streams.core.runs.nodes.loop import roots_due
from streams.core.runs.nodes.map import Ended, ask_children, begin_map
from streams.core.runs.nodes.run_end import fail_with, give_up, succeed
from streams.core.runs.nodes.signal import output_of
from streams.core.runs.plan.arguments import BindingError
from streams.core.runs.plan.model import PlanNode, is_part
from streams.core.runs.requests.step_request import check_chained, node_scope, timeout_timer
from streams.core.runs.state.changes import RunChanges
from streams.core.runs.state.entries import Step
from streams.core.runs.state.reader import RunReader

Due = tuple[PlanNode, Verdict]
"""A node that waits for nothing any more, and what its join said."""


def start(run: RunChanges) -> None:
    """Start an admitted run."""
    run.move("running")
    run.started_at_ms = run.now_ms
    dispatch(run, _unblocked(run) if run.reused else [(node, "run") for node in run.plan.roots])


def node_done(run: RunChanges, node: PlanNode, *, continued: bool = False) -> None:
    """Go on after a node succeeded: the nodes that waited for it, or the end of the run.

    ``continued``: the worker executes the next one by itself.
    """
    dispatch(run, settle(run, node), continued=node.next if continued else None)


def node_failed(run: RunChanges, step: Step, error: ErrorInfo) -> None:
    """Go on after a step failed for good: without its node if that is optional, else with the end of the run."""
    dispatch(run, _fail(run, step, error))


def dispatch(run: RunChanges, due: Iterable[Due], *, continued: str | None = None) -> None:
    """Ask for nodes or skip them, and go on with those that wait for what is settled at once.

    ``continued`` is the node that need not be requested, since its worker has it; all else of it is the same.
    """
    waiting = list(due)
    for node, said in waiting:
        if run.is_over:
            return
        # A node that several edges lead to may be due by two of them before it is reached; its loop may have failed.
        if not run.begun(node.id) and (node.loop is None or not run.settled(node.loop)):
            runs = said == "run"
            waiting += _run(run, node, node.id == continued) if runs else _skip(run, node, why_skipped(run, node))


def fill_places(run: RunChanges) -> None:
    """Ask for what stands in line while the run has room."""
    while not run.is_over and has_room(run) and (found := next_queued(run)) is not None:
        node, step_id = found
        if is_part(step_id):
            run.ready.remove(step_id)
            ask_part(run, node, step_id)
        elif node.parallel:
            map_went_on(run, node, ask_children(run, node))
        else:
            run.ready.remove(node.id)
            dispatch(run, _dispatch_one(run, node))


def settle(run: RunChanges, node: PlanNode) -> list[Due]:
    """Count a node as settled; return what waits for nothing any more."""
    if node.loop is not None:
        return _followers_due(run, node) + _after_inside(run, node, run.plan.nodes[node.loop])
    run.done += 1
    if run.done == run.plan.size:
        succeed(run)
        return []
    return _followers_due(run, node)


def _followers_due(run: RunReader, node: PlanNode) -> list[Due]:
    nodes = run.plan.nodes
    followers = [(nodes[follower], verdict(run, nodes[follower])) for follower in node.successors]
    return [(follower, said) for follower, said in followers if said != "wait"]


def _after_inside(run: RunChanges, node: PlanNode, loop: PlanNode) -> list[Due]:
    """Go on with a loop after a node of its body is settled, or failed for good; return what is due by that."""
    ended = NODE_KINDS[loop.kind].on_result(run, node.id, run.recorded(node.id), None)
    if ended is None:
        return _begin_inside(run, loop)
    step = run.recorded(loop.id)
    done = {"finished_at_ms": run.now_ms, **NO_TIMER, **judged(run, step)}
    if ended.output is None:
        failed = run.change(loop.id, step, state="failed", error=ended.error, **done)
        return _fail(run, failed, ended.error) if ended.error is not None else []
    run.change(loop.id, step, state="succeeded", **output_of(ended.output), **done)
    return settle(run, loop)


def _begin_inside(run: RunChanges, loop: PlanNode) -> list[Due]:
    return [(node, "run") for node in roots_due(run, loop)]


def _unblocked(run: RunReader) -> list[Due]:
    """Return what is due in a run that begins with results of another one, in the order of the plan."""
    normal = (node for node in run.plan.nodes.values() if not node.compensates)
    found = [(node, verdict(run, node)) for node in normal if not run.begun(node.id)]
    return [(node, said) for node, said in found if said != "wait"]


def _skip(run: RunChanges, node: PlanNode, why: str, asked: Step | None = None) -> list[Due]:
    run.skip(node.id, why, asked)
    return settle(run, node)


def _run(run: RunChanges, node: PlanNode, continued: bool) -> list[Due]:
    if node.condition is not None and (due := _decide(run, node)) is not None:
        return due
    if node.parallel:
        return _begin_map(run, node)
    if is_queued(run, node) and not continued:
        queue_run(run, node)
        return []
    return _dispatch_one(run, node, continued=continued)


def _decide(run: RunChanges, node: PlanNode) -> list[Due] | None:
    """Do what its condition says of a node; return what is due by that, ``None`` for a node to request."""
    early = Step(node.id, "pending", unseen=unseen(run, node)) if node.early else None
    scope = node_scope(run, node, early)
    try:
        why = why_not(node, scope)
    except BindingError as exc:
        return _refuse(run, node.id, Step(node.id, "failed"), exc)
    return None if why is None else _skip(run, node, why, early or Step(node.id, "pending"))


def _fail(run: RunChanges, step: Step, error: ErrorInfo) -> list[Due]:
    node = run.node_of(step)
    if not node.policy.optional:
        if node.loop is not None:
            return _after_inside(run, node, run.plan.nodes[node.loop])
        fail_with(run, step, error)
        return []
    give_up(run, step, error)
    return settle(run, node)


def _dispatch_one(run: RunChanges, node: PlanNode, *, continued: bool = False) -> list[Due]:
    """Ask for a node's one step; return what is due because it failed at once."""
    step_id = node.id
    before = run.step(step_id) or Step(node.id, "pending")
    attempt = before.attempt + 1
    timer, due_ms = timeout_timer(node, step_id, attempt, run.now_ms)
    step = msgspec.structs.replace(
        before,
        state="running",
        attempt=attempt,
        requested_at_ms=run.now_ms,
        timer=timer,
        due_ms=due_ms,
        waiting_for=None,
        unseen=unseen(run, node) if node.early else (),
    )
    step = run.labelled(step_id, step)
    try:
        if continued and attempt == 1:
            check_chained(run, node)
        else:
            step = NODE_KINDS[node.kind].start(run, node, step_id, step, None)
    except BindingError as exc:
        return _refuse(run, step_id, Step(node.id, "failed"), exc)
    run.begin(step_id, step)
    if step.timer is not None and step.due_ms is not None:
        run.arm(step.timer, step.due_ms)
    if step.state == "succeeded":
        return settle(run, node)
    return [] if node.body is None else _begin_inside(run, node)


def map_went_on(run: RunChanges, node: PlanNode, ended: Ended | None) -> None:
    """Go on after something became of a mapped node by one of its steps."""
    dispatch(run, _after_map(run, node, ended))


def _begin_map(run: RunChanges, node: PlanNode) -> list[Due]:
    """Ask for a mapped node's first children; return what is due because it was settled at once."""
    try:
        ended = begin_map(run, node)
    except BindingError as exc:
        return _refuse(run, node.id, Step(node.id, "failed"), exc)
    return _after_map(run, node, ended)


def _after_map(run: RunChanges, node: PlanNode, ended: Ended | None) -> list[Due]:
    if ended is None:
        return []
    return settle(run, node) if ended.error is None else _fail(run, ended.step, ended.error)


def _refuse(run: RunChanges, step_id: str, step: Step, exc: BindingError) -> list[Due]:
    """Fail a step whose request cannot be made; return what is due because its node is optional."""
    error = ErrorInfo(code=exc.code, message=str(exc), step_id=step_id)
    run.begin(step_id, msgspec.structs.replace(step, error=error, finished_at_ms=run.now_ms))
    return _fail(run, step, error)
