"""Mapped nodes: how many children are open, and what the node becomes when all have ended.

1. A child holds its place from its first request until it has ended for good: while it waits for a retry, too.
2. When a child ends the next one is asked for, in the order of the items. One event asks for as many as ended.
3. ``on_child_error``: ``fail`` fails the node by the first child that failed; ``skip`` leaves the places of failed
   children out of the output; ``collect`` puts ``{"error": {"code": …, "message": …}}`` there.
4. If every child failed, ``skip`` fails the node (nothing is left to go on with); ``collect`` does not.
5. An output that some node takes as a whole and that is too large for requests is gathered first, see ``gather``.

All that is counted is in one ``MapCounts`` of the run's progress, so that a child's result costs the same at the end
of a long list as at its start.
"""

from dataclasses import dataclass

import msgspec

from schemas.ids import child_step_id
from schemas.records.base import ErrorInfo
from streams.core.runs.nodes.concurrency import has_room, is_queued
from streams.core.runs.nodes.join import unseen
from streams.core.runs.nodes.kinds import kind_of
from streams.core.runs.plan.arguments import BindingError, Datum
from streams.core.runs.plan.model import PlanNode
from streams.core.runs.requests.binding import Items, open_items
from streams.core.runs.requests.gather import join_id, page_id, pages_of
from streams.core.runs.requests.step_request import node_scope, timeout_timer
from streams.core.runs.state.changes import RunChanges
from streams.core.runs.state.entries import MapCounts, Step
from streams.core.runs.state.reader import RunReader, outputs_of
from streams.core.runs.views.parent_result import is_answer

#: A reader sees a mapped node's counts move about so many times; exact ones are counted when asked for.
SHOWN_TIMES = 100


@dataclass(frozen=True, slots=True)
class Ended:
    """A mapped node whose children have all ended, or that fails: ``step`` is what failed with ``error``."""

    step: Step
    error: ErrorInfo | None = None


def begin_map(run: RunChanges, node: PlanNode) -> Ended | None:
    """Open a mapped node that is ready and ask for its first children. Raises ``BindingError`` when it has no list."""
    unseen_ = unseen(run, node) if node.early else ()
    step = Step(node.id, "running", requested_at_ms=run.now_ms, unseen=unseen_)
    items = open_items(node, node_scope(run, node, step))
    if node.max_items is not None and items.count > node.max_items:
        said = f"'{node.id}' maps {items.count} items, and its max_items is {node.max_items}"
        raise BindingError("too_many_items", f"{said}; raise max_items, or give fewer items")
    if items.count == 0:
        step = Step(node.id, "succeeded", total=0, finished_at_ms=run.now_ms, unseen=unseen_)
        run.begin(node.id, step)
        run.maps[node.id] = MapCounts(0)
        return Ended(step)
    run.begin(node.id, msgspec.structs.replace(step, total=items.count))
    run.maps[node.id] = MapCounts(items.count)
    return _go_on(run, node, items)


def map_step_ended(run: RunChanges, node: PlanNode, step: Step) -> Ended | None:
    """Go on after a child, or a step that gathers, ended for good; return what the node became, if it ended."""
    return _gathering_ended(run, node, step) if step.gather is not None else _child_ended(run, node, step)


def _child_ended(run: RunChanges, node: PlanNode, child: Step) -> Ended | None:
    counts = run.maps[node.id]
    failed = child.state == "failed"
    if failed and node.on_child_error == "fail":
        return Ended(child, child.error)
    _count(run, node.id, counts, ended=counts.ended + 1, failed=counts.failed + failed)
    return _go_on(run, node)


def ask_children(run: RunChanges, node: PlanNode, items: Items | None = None) -> Ended | None:
    """Ask for children while there is room; return what the node became, if all have ended."""
    while (counts := run.maps[node.id]).asked < counts.total and counts.open < node.most_open and has_room(run, node):
        if items is None:
            items = open_items(node, node_scope(run, node, run.step(node.id)))
        refused = _ask_child(run, node, items)
        if refused is not None:
            return refused
    return None if counts.ended < counts.total else _all_ended(run, node, counts)


def _go_on(run: RunChanges, node: PlanNode, items: Items | None = None) -> Ended | None:
    """Ask for children at once, or where the run has a limit leave them in line."""
    counts = run.maps[node.id]
    if is_queued(run, node) and counts.asked < counts.total:
        return None
    return ask_children(run, node, items)


def _ask_child(run: RunChanges, node: PlanNode, items: Items) -> Ended | None:
    """Ask for the next child. One that cannot be asked for has failed, which may fail the node."""
    counts = run.maps[node.id]
    index = counts.asked
    step_id = child_step_id(node.id, index)
    run.maps[node.id] = msgspec.structs.replace(counts, asked=index + 1)
    try:
        _begin(run, node, step_id, Step(node.id, "running", index=index), items.at(index))
    except BindingError as exc:
        return _refused(run, node, step_id, index, exc)
    return None


def _begin(run: RunChanges, node: PlanNode, step_id: str, step: Step, item: Datum | None = None) -> None:
    """Ask for a step of a mapped node for the first time. Raises ``BindingError``."""
    timer, due_ms = timeout_timer(node, step_id, 1, run.now_ms)
    step = msgspec.structs.replace(step, attempt=1, requested_at_ms=run.now_ms, timer=timer, due_ms=due_ms)
    step = run.labelled(step_id, step)
    step = kind_of(run, step_id, step).start(run, node, step_id, step, item)
    run.begin(step_id, step)
    if step.timer is not None and step.due_ms is not None:
        run.arm(step.timer, step.due_ms)


def _refused(run: RunChanges, node: PlanNode, step_id: str, index: int, exc: BindingError) -> Ended | None:
    error = ErrorInfo(code=exc.code, message=str(exc), step_id=step_id)
    step = Step(node.id, "failed", index=index, error=error, finished_at_ms=run.now_ms)
    run.begin(step_id, step)
    if node.on_child_error == "fail":
        return Ended(step, error)
    counts = run.maps[node.id]
    _count(run, node.id, counts, ended=counts.ended + 1, failed=counts.failed + 1)
    return None


def _count(run: RunChanges, node_id: str, counts: MapCounts, *, ended: int, failed: int) -> None:
    run.maps[node_id] = msgspec.structs.replace(counts, ended=ended, failed=failed)
    if ended % max(2, counts.total // SHOWN_TIMES) == 0:
        run.shown[node_id] = None


def _all_ended(run: RunChanges, node: PlanNode, counts: MapCounts) -> Ended | None:
    parent = run.recorded(node.id)
    if node.on_child_error == "skip" and counts.failed == counts.total:
        return Ended(parent, _none_left(run, node, counts))
    if node.on_child_error == "skip" and counts.failed:
        parent = run.change(node.id, parent, left_out=_failed_children(run, node, counts))
    whole = is_answer(run, node)
    if (node.is_listed or whole) and (pages := pages_of(list(outputs_of(run, parent)), one_payload=whole)):
        run.maps[node.id] = msgspec.structs.replace(counts, pages=len(pages))
        for number, page in enumerate(pages):
            _begin(run, node, page_id(node.id, number), Step(node.id, "running", gather=page))
        return None
    return Ended(run.change(node.id, parent, state="succeeded", finished_at_ms=run.now_ms))


def _gathering_ended(run: RunChanges, node: PlanNode, step: Step) -> Ended | None:
    counts = run.maps[node.id]
    is_page = step.gather is not None and step.gather[0] < step.gather[1]
    if is_page and counts.pages > 1:
        run.maps[node.id] = counts = msgspec.structs.replace(counts, gathered=counts.gathered + 1)
        if counts.gathered == counts.pages:
            _begin(run, node, join_id(node.id), Step(node.id, "running", gather=(counts.total, counts.total)))
        return None
    parent = run.recorded(node.id)
    output = {"value": step.value, "stored": step.stored}
    return Ended(run.change(node.id, parent, state="succeeded", finished_at_ms=run.now_ms, **output))


def _failed_children(run: RunReader, node: PlanNode, counts: MapCounts) -> tuple[int, ...]:
    steps = ((index, run.step(child_step_id(node.id, index))) for index in range(counts.total))
    return tuple(index for index, step in steps if step is not None and step.state == "failed")


def _none_left(run: RunReader, node: PlanNode, counts: MapCounts) -> ErrorInfo:
    first = run.step(child_step_id(node.id, 0))
    why = f"; the first: {first.error.code}: {first.error.message}" if first is not None and first.error else ""
    message = f"all {counts.total} children of '{node.id}' failed, so nothing is left to go on with{why}"
    return ErrorInfo(code="all_children_failed", message=message[:1000], step_id=node.id)
