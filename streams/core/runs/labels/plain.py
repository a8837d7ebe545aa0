"""What the steps of plain nodes begin with, found once: labels of steps like them are the same in run after run.

A node is plain that has no condition, case, map or loop around it, and waits for all of the nodes before it, which must
succeed. What decides on it and what it reads follow from the run's security, from what decided the nodes before it and
from the labels of the outputs that it reads. These are the key; ``steps`` makes the rest, once.
"""

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from schemas.labels.label import UNLABELLED
from schemas.labels.mapped import Labels
from schemas.records.security.pinned import ToolSecurity
from schemas.records.steps import StepSecurity
from streams.core.runs.labels.arguments import keep, sources_of
from streams.core.runs.labels.pinned import Begun, Pinned
from streams.core.runs.labels.recorded import of_payload
from streams.core.runs.plan.model import Plan, PlanNode
from streams.core.runs.state.entries import Step
from streams.core.runs.state.reader import RunReader

#: It stands where an output of the chain will be, so that one which never comes is trusted least.
NOT_YET = Labels.of_whole(UNLABELLED)
_WAYS, _CHAINED, _GIVES = "ways", "chained", "gives"


class _Ways(NamedTuple):
    """The nodes before a plain one, and those whose outputs it reads."""

    before: tuple[str, ...]
    sources: tuple[str, ...]


def begun_before(run: RunReader, security: Pinned, step_id: str, step: Step, make: Callable[[], Begun]) -> Begun | None:
    """Return what a plain node's step begins with, ``make``'s if it is not known; ``None`` for any other step."""
    if step_id != step.node or step.index is not None or step.gather is not None:
        return None
    node = run.node_of(step)
    ways = _ways(run.plan, node)
    if ways is None:
        return None
    key: list[Any] = [security]
    for name in ways.before:
        before = run.step(name)
        if before is None or before.decided is None:
            return None
        key.append(before.decided)
    for name in ways.sources:
        labels = _given(run, name)
        if labels is None:
            return None
        key.append(labels)
    found: Begun | None = node.known.get(tuple(key))
    if found is None:
        found = keep(node, tuple(key), make())
    return run.labels.began(step_id, found)


def chained_before(
    run: RunReader, security: Pinned, node: PlanNode, inside: Collection[str], make: Callable[[], StepSecurity]
) -> StepSecurity:
    """Return the security of a step that is chained to another one, ``make``'s if it is not known."""
    ways = _ways(run.plan, node)
    if ways is None:
        return make()
    key: list[Any] = [_CHAINED, security]
    for name in ways.sources:
        labels = NOT_YET if name in inside else _given(run, name)
        if labels is None:
            return make()
        key.append(labels)
    found: StepSecurity | None = node.known.get(tuple(key))
    return keep(node, tuple(key), make()) if found is None else found


def is_as_read(
    run: RunReader, security: Pinned, step_id: str, step: Step, declared: Callable[[PlanNode], ToolSecurity | None]
) -> bool:
    """Return whether a step's result has the labels of what it read: it is a node's own, of a model or a function of
    which nothing is declared."""
    if step_id != step.node or step.total is not None or step.gather is not None or step.index is not None:
        return False
    node = run.node_of(step)
    if node.work is None or node.kind == "agent":
        return False
    found: bool | None = node.known.get((_GIVES, security))
    return keep(node, (_GIVES, security), declared(node) is None) if found is None else found


def _given(run: RunReader, node_id: str) -> Labels | None:
    """Return the labels of the one output that a step gave, ``None`` where it is not as plain as that."""
    step = run.step(node_id)
    if step is None or step.state != "succeeded" or step.total is not None or step.output is None:
        return None
    return of_payload(step.output)


def _ways(plan: Plan, node: PlanNode) -> _Ways | None:
    if _WAYS in node.known:
        found: _Ways | None = node.known[_WAYS]
        return found
    return keep(node, _WAYS, _Ways(node.predecessors, sources_of(node)) if _is_plain(plan, node) else None)


def _is_plain(plan: Plan, node: PlanNode) -> bool:
    if node.condition is not None or node.parallel or node.cases or node.compensates or node.loop is not None:
        return False
    if node.early or node.join == "any" or any("." in name for name in sources_of(node)):
        return False
    return not any(plan.nodes[name].policy.optional for name in node.predecessors)
