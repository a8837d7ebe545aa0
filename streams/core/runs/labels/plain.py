"""What the steps of plain nodes begin with, found once: labels of steps like them are the same in run after run.

A node is plain that has no condition, case, map or loop around it, and waits for all of the nodes before it, which must
succeed. What decides on it and what it reads follow from the run's security, from what decided the nodes before it and
from the labels of the outputs that it reads. These are the key; ``steps`` makes the rest, once.
"""

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from schemas.labels.label import UNLABELLED
from schemas.labels.mapped import Labels, Recorded
from schemas.records.steps import StepSecurity
from streams.core.runs.labels.arguments import keep, sources_of
from streams.core.runs.labels.pinned import Begun, Pinned
from streams.core.runs.labels.recorded import label_from, read
from streams.core.runs.plan.model import Plan, PlanNode
from streams.core.runs.state.entries import Step
from streams.core.runs.state.reader import RunReader

#: It stands where an output of the chain will be, so that one which never comes is trusted least.
NOT_YET = Labels.of_whole(UNLABELLED)
_WAYS, _CHAINED, _GIVES = "ways", "chained", "gives"


class _Way(NamedTuple):
    """A node by which a plain one is decided, or whose output it reads, or both."""

    node: str
    decides: bool
    is_read: bool


_Ways = tuple[_Way, ...]


def begun_before(run: RunReader, security: Pinned, step_id: str, step: Step, make: Callable[[], Begun]) -> Begun | None:
    """Return what a plain node's step begins with, ``make``'s if it is not known; ``None`` for any other step."""
    if step_id != step.node or step.index is not None or step.gather is not None:
        return None
    node = run.plan.nodes[step_id]
    ways = _ways(run.plan, node)
    if ways is None:
        return None
    parts: list[Any] = [security]
    for name, decides, is_read in ways:
        before = run.step(name)
        labels = None if before is None or not is_read else _given(before)
        if before is None or before.decided is None or (is_read and labels is None):
            return None
        parts += [before.decided if decides else None, labels]
    key = tuple(parts)
    found: Begun | None = node.known.get(key)
    if found is None:
        found = keep(node, key, make())
    return run.labels.began(step_id, found)


def chained_before(
    run: RunReader, security: Pinned, node: PlanNode, inside: Collection[str], make: Callable[[], StepSecurity]
) -> StepSecurity:
    """Return the security of a step that is chained to another one, ``make``'s if it is not known."""
    ways = _ways(run.plan, node)
    if ways is None:
        return make()
    parts: list[Any] = [_CHAINED, security]
    for name, _, is_read in ways:
        if not is_read:
            continue
        if name in inside:
            # No labels: what is not there yet is kept apart from an output without a label.
            parts.append(None)
            continue
        before = run.step(name)
        labels = None if before is None else _given(before)
        if labels is None:
            return make()
        parts.append(labels)
    key = tuple(parts)
    found: StepSecurity | None = node.known.get(key)
    return keep(node, key, make()) if found is None else found


def given_as_read(
    run: RunReader, security: Pinned, step_id: str, step: Step, undeclared: Callable[[PlanNode], bool]
) -> Recorded | None:
    """Return the labels of a result that has those of all that its step read and of what decided it.

    That is a node's own result, of a model or a function of which nothing is declared. ``None`` for any other.
    """
    if step_id != step.node or step.total is not None or step.gather is not None or step.index is not None:
        return None
    node = run.plan.nodes[step_id]
    key = (_GIVES, security, step.read, step.decided)
    found: Recorded | bool | None = node.known.get(key)
    if found is None:
        is_as_read = node.work is not None and node.kind != "agent" and undeclared(node)
        label = label_from(step.read or ()).join(label_from(step.decided or ()))
        found = keep(node, key, Labels.of_whole(label).recorded if is_as_read else False)
    return found if isinstance(found, Recorded) else None


def _given(step: Step) -> Labels | None:
    """Return the labels of the one output that a step gave, ``None`` where it is not as plain as that."""
    output = step.output
    return None if output is None or step.state != "succeeded" or step.total is not None else read(output.labels)


def _ways(plan: Plan, node: PlanNode) -> _Ways | None:
    found: _Ways | bool | None = node.known.get(_WAYS)
    if found is None:
        found = keep(node, _WAYS, _ways_to(node) if _is_plain(plan, node) else False)
    return found if isinstance(found, tuple) else None


def _ways_to(node: PlanNode) -> _Ways:
    sources = sources_of(node)
    names = dict.fromkeys((*node.predecessors, *sources))
    return tuple(_Way(name, name in node.predecessors, name in sources) for name in names)


def _is_plain(plan: Plan, node: PlanNode) -> bool:
    if node.condition is not None or node.parallel or node.cases or node.compensates or node.loop is not None:
        return False
    if node.early or node.join == "any" or any("." in name for name in sources_of(node)):
        return False
    return not any(plan.nodes[name].policy.optional for name in node.predecessors)
