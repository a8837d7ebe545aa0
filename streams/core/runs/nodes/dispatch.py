"""Nodes that became ready: their requests, their children, or their end at once; and what follows a settled node."""

from collections.abc import Iterable

import msgspec

from schemas.records.base import ErrorInfo
from streams.core.runs.nodes.agent import ask_part
from streams.core.runs.nodes.concurrency import has_room, next_in_line, stand_in_line, stands_in_line
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


def start(turn: RunChanges) -> None:
    """Start an admitted run."""
    turn.move("running")
    turn.started_at_ms = turn.now_ms
    dispatch(turn, _unblocked(turn) if turn.reused else [(node, "run") for node in turn.plan.roots])


def node_done(turn: RunChanges, node: PlanNode, *, continued: bool = False) -> None:
    """Go on after a node succeeded: the nodes that waited for it, or the end of the run.

    ``continued``: the worker executes the next one by itself.
    """
    dispatch(turn, settle(turn, node), continued=node.next if continued else None)


def node_failed(turn: RunChanges, step: Step, error: ErrorInfo) -> None:
    """Go on after a step failed for good: without its node if that is optional, else with the end of the run."""
    dispatch(turn, _fail(turn, step, error))


def dispatch(turn: RunChanges, due: Iterable[Due], *, continued: str | None = None) -> None:
    """Ask for nodes or skip them, and go on with those that wait for what is settled at once.

    ``continued`` is the node that need not be requested, since its worker has it; all else of it is the same.
    """
    waiting = list(due)
    for node, said in waiting:
        if turn.is_over:
            return
        # A node that several edges lead to may be due by two of them before its turn comes; its loop may have failed.
        if not turn.begun(node.id) and (node.loop is None or not turn.settled(node.loop)):
            run = said == "run"
            waiting += _run(turn, node, node.id == continued) if run else _skip(turn, node, why_skipped(turn, node))


def fill_places(turn: RunChanges) -> None:
    """Ask for what stands in line while the run has room."""
    while not turn.is_over and has_room(turn) and (found := next_in_line(turn)) is not None:
        node, step_id = found
        if is_part(step_id):
            turn.ready.remove(step_id)
            ask_part(turn, node, step_id)
        elif node.parallel:
            map_went_on(turn, node, ask_children(turn, node))
        else:
            turn.ready.remove(node.id)
            dispatch(turn, _dispatch_one(turn, node))


def settle(turn: RunChanges, node: PlanNode) -> list[Due]:
    """Count a node as settled; return what waits for nothing any more."""
    if node.loop is not None:
        return _followers_due(turn, node) + _after_inside(turn, node, turn.plan.nodes[node.loop])
    turn.done += 1
    if turn.done == turn.plan.size:
        succeed(turn)
        return []
    return _followers_due(turn, node)


def _followers_due(turn: RunReader, node: PlanNode) -> list[Due]:
    nodes = turn.plan.nodes
    followers = [(nodes[follower], verdict(turn, nodes[follower])) for follower in node.successors]
    return [(follower, said) for follower, said in followers if said != "wait"]


def _after_inside(turn: RunChanges, node: PlanNode, loop: PlanNode) -> list[Due]:
    """Go on with a loop after a node of its body is settled, or failed for good; return what is due by that."""
    ended = NODE_KINDS[loop.kind].on_result(turn, node.id, turn.recorded(node.id), None)
    if ended is None:
        return _begin_inside(turn, loop)
    step = turn.recorded(loop.id)
    done = {"finished_at_ms": turn.now_ms, **NO_TIMER, **judged(turn, step)}
    if ended.output is None:
        failed = turn.change(loop.id, step, state="failed", error=ended.error, **done)
        return _fail(turn, failed, ended.error) if ended.error is not None else []
    turn.change(loop.id, step, state="succeeded", **output_of(ended.output), **done)
    return settle(turn, loop)


def _begin_inside(turn: RunChanges, loop: PlanNode) -> list[Due]:
    return [(node, "run") for node in roots_due(turn, loop)]


def _unblocked(turn: RunReader) -> list[Due]:
    """Return what is due in a run that begins with results of another one, in the order of the plan."""
    normal = (node for node in turn.plan.nodes.values() if not node.compensates)
    found = [(node, verdict(turn, node)) for node in normal if not turn.begun(node.id)]
    return [(node, said) for node, said in found if said != "wait"]


def _skip(turn: RunChanges, node: PlanNode, why: str, asked: Step | None = None) -> list[Due]:
    turn.skip(node.id, why, asked)
    return settle(turn, node)


def _run(turn: RunChanges, node: PlanNode, continued: bool) -> list[Due]:
    if node.condition is not None and (due := _decide(turn, node)) is not None:
        return due
    if node.parallel:
        return _begin_map(turn, node)
    if stands_in_line(turn, node) and not continued:
        stand_in_line(turn, node)
        return []
    return _dispatch_one(turn, node, continued=continued)


def _decide(turn: RunChanges, node: PlanNode) -> list[Due] | None:
    """Do what its condition says of a node; return what is due by that, ``None`` for a node to request."""
    early = Step(node.id, "pending", unseen=unseen(turn, node)) if node.early else None
    scope = node_scope(turn, node, early)
    try:
        why = why_not(node, scope)
    except BindingError as exc:
        return _refuse(turn, node.id, Step(node.id, "failed"), exc)
    return None if why is None else _skip(turn, node, why, early or Step(node.id, "pending"))


def _fail(turn: RunChanges, step: Step, error: ErrorInfo) -> list[Due]:
    node = turn.node_of(step)
    if not node.policy.optional:
        if node.loop is not None:
            return _after_inside(turn, node, turn.plan.nodes[node.loop])
        fail_with(turn, step, error)
        return []
    give_up(turn, step, error)
    return settle(turn, node)


def _dispatch_one(turn: RunChanges, node: PlanNode, *, continued: bool = False) -> list[Due]:
    """Ask for a node's one step; return what is due because it failed at once."""
    step_id = node.id
    before = turn.step(step_id) or Step(node.id, "pending")
    attempt = before.attempt + 1
    timer, due_ms = timeout_timer(node, step_id, attempt, turn.now_ms)
    step = msgspec.structs.replace(
        before,
        state="running",
        attempt=attempt,
        requested_at_ms=turn.now_ms,
        timer=timer,
        due_ms=due_ms,
        waiting_for=None,
        unseen=unseen(turn, node) if node.early else (),
    )
    step = turn.labelled(step_id, step)
    try:
        if continued and attempt == 1:
            check_chained(turn, node)
        else:
            step = NODE_KINDS[node.kind].start(turn, node, step_id, step, None)
    except BindingError as exc:
        return _refuse(turn, step_id, Step(node.id, "failed"), exc)
    turn.begin(step_id, step)
    if step.timer is not None and step.due_ms is not None:
        turn.arm(step.timer, step.due_ms)
    if step.state == "succeeded":
        return settle(turn, node)
    return [] if node.body is None else _begin_inside(turn, node)


def map_went_on(turn: RunChanges, node: PlanNode, ended: Ended | None) -> None:
    """Go on after something became of a mapped node by one of its steps."""
    dispatch(turn, _after_map(turn, node, ended))


def _begin_map(turn: RunChanges, node: PlanNode) -> list[Due]:
    """Ask for a mapped node's first children; return what is due because it was settled at once."""
    try:
        ended = begin_map(turn, node)
    except BindingError as exc:
        return _refuse(turn, node.id, Step(node.id, "failed"), exc)
    return _after_map(turn, node, ended)


def _after_map(turn: RunChanges, node: PlanNode, ended: Ended | None) -> list[Due]:
    if ended is None:
        return []
    return settle(turn, node) if ended.error is None else _fail(turn, ended.step, ended.error)


def _refuse(turn: RunChanges, step_id: str, step: Step, exc: BindingError) -> list[Due]:
    """Fail a step whose request cannot be made; return what is due because its node is optional."""
    error = ErrorInfo(code=exc.code, message=str(exc), step_id=step_id)
    turn.begin(step_id, msgspec.structs.replace(step, error=error, finished_at_ms=turn.now_ms))
    return _fail(turn, step, error)
