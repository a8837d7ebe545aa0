"""Nodes that became ready: their requests, their children, or their end at once."""

from collections.abc import Iterable

import msgspec

from schemas.ids import child_step_id
from schemas.records.base import ErrorInfo
from streams.core.runs.binding import Items, open_items
from streams.core.runs.entries import Step
from streams.core.runs.finish import fail_with, succeed
from streams.core.runs.parked import park
from streams.core.runs.plan import PlanNode
from streams.core.runs.requests import check_ride, node_scope, request, timeout_timer
from streams.core.runs.reuse import unblocked
from streams.core.runs.turn import Turn
from streams.core.runs.values import BindingError


def start(turn: Turn) -> None:
    """Start an admitted run."""
    turn.move("running")
    turn.started_at_ms = turn.now_ms
    dispatch(turn, unblocked(turn) if turn.reused else turn.plan.roots)


def node_done(turn: Turn, node: PlanNode, *, rides: bool = False) -> None:
    """Go on after a node succeeded: the nodes that waited for it, or the end of the run.

    ``rides``: the worker goes on to the next one by itself.
    """
    dispatch(turn, _after(turn, node), riding=node.next if rides else None)


def dispatch(turn: Turn, ready: Iterable[PlanNode], *, riding: str | None = None) -> None:
    """Ask for ready nodes, and for those that become ready by a node that is done at once.

    ``riding`` is the node that need not be asked for, since its worker has it; all else of it is the same.
    """
    waiting = list(ready)
    for node in waiting:
        if turn.is_over:
            return
        if node.parallel:
            waiting.extend(_dispatch_map(turn, node))
        else:
            _dispatch_one(turn, node, node.id, rides=node.id == riding)


def _after(turn: Turn, node: PlanNode) -> list[PlanNode]:
    """Count a node as done; return what became ready."""
    turn.done += 1
    nodes = turn.plan.nodes
    if turn.done == len(nodes):
        succeed(turn)
        return []
    followers = (nodes[follower] for follower in node.successors)
    return [f for f in followers if all(turn.succeeded(source) for source in f.predecessors)]


def _dispatch_one(
    turn: Turn,
    node: PlanNode,
    step_id: str,
    items: Items | None = None,
    index: int | None = None,
    *,
    rides: bool = False,
) -> None:
    before = turn.step(step_id) or Step(node.id, "pending")
    attempt = before.attempt + 1
    timer, due_ms = timeout_timer(node, step_id, attempt, turn.now_ms)
    step = msgspec.structs.replace(
        before,
        state="running",
        index=index,
        attempt=attempt,
        requested_at_ms=turn.now_ms,
        timer=timer,
        due_ms=due_ms,
    )
    try:
        item = None if items is None or index is None else items.at(index)
        if node.dynamic is not None:
            step = park(turn, node, step_id, step, node_scope(turn, item, index or 0))
        elif rides and attempt == 1:
            check_ride(turn, node)
        else:
            request(turn, step_id, step, item)
    except BindingError as exc:
        _refuse(turn, step_id, Step(node.id, "failed", index=index), exc)
        return
    turn.begin(step_id, step)
    if step.timer is not None and step.due_ms is not None:
        turn.arm(step.timer, step.due_ms)


def _dispatch_map(turn: Turn, node: PlanNode) -> list[PlanNode]:
    """Ask for every child of a mapped node; return what became ready because there are none."""
    try:
        items = open_items(node, node_scope(turn))
    except BindingError as exc:
        _refuse(turn, node.id, Step(node.id, "failed"), exc)
        return []
    if items.count == 0:
        turn.begin(node.id, Step(node.id, "succeeded", total=0, finished_at_ms=turn.now_ms))
        return _after(turn, node)
    turn.begin(node.id, Step(node.id, "running", total=items.count, requested_at_ms=turn.now_ms))
    turn.open_children[node.id] = items.count
    for index in range(items.count):
        if turn.is_over:
            break
        _dispatch_one(turn, node, child_step_id(node.id, index), items, index)
    return []


def _refuse(turn: Turn, step_id: str, step: Step, exc: BindingError) -> None:
    """Fail a step whose request cannot be made, and its run."""
    error = ErrorInfo(code=exc.code, message=str(exc), step_id=step_id)
    turn.begin(step_id, msgspec.structs.replace(step, error=error, finished_at_ms=turn.now_ms))
    fail_with(turn, step, error)
