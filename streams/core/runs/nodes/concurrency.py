"""A run's own limit: at most ``max_parallel`` of its steps are open at once, and which is asked for next.

1. A step takes a place from its request until it has ended for good: while it waits for a retry or a deferral, too.
   Steps of nodes that the fold drives by itself (waits, signals, agents, other runs), a mapped node's own step, and
   steps that gather its outputs take none. Turns and calls of an agent do: each waits for one.
2. Without a free place a node that would run is ``ready``; it is asked for when a place is free.
3. The next one is that with the highest ``policy.priority``, then the first in the order of the plan. A mapped node
   stands in that line as long as it has children to ask for.
4. What a worker goes on with by itself (a chain) takes the place of the step before it. If it goes on to a step that
   is queued for a slot, that step's attempt is used up (``events.results.never_asked``).
"""

from collections.abc import Iterator

import msgspec

from streams.core.runs.plan.model import PlanNode
from streams.core.runs.state.changes import RunChanges
from streams.core.runs.state.entries import Step
from streams.core.runs.state.reader import RunReader

#: What a step that is ``ready`` waits for.
WAITING_FOR = "max_parallel"


def is_queued(run: RunReader, node: PlanNode) -> bool:
    """Return whether a node that would run waits for a place: its steps take places, and the run has not ended."""
    return run.plan.max_parallel is not None and node.work is not None and not run.is_over


def has_room(run: RunReader, node: PlanNode | None = None) -> bool:
    """Return whether one more step may be open; of ``node``, whose steps may take no place."""
    most = run.plan.max_parallel
    return most is None or run.open_steps < most or (node is not None and node.work is None)


def queue_run(run: RunChanges, node: PlanNode) -> None:
    """Let a node wait for a place."""
    before = run.step(node.id) or Step(node.id, "pending")
    run.leave(node.id, msgspec.structs.replace(before, state="ready", waiting_for=WAITING_FOR))
    run.ready.append(node.id)


def queue_part(run: RunChanges, step_id: str, node_id: str) -> None:
    """Let a turn of an agent, or a call, wait for a place."""
    run.leave(step_id, Step(node_id, "ready", waiting_for=WAITING_FOR))
    run.ready.append(step_id)


def next_queued(run: RunReader) -> tuple[PlanNode, str] | None:
    """Return what the next free place is for: a node with its own id, or with the step id of an agent's part."""
    return min(_line(run), key=lambda found: (-found[0].policy.priority, found[0].position), default=None)


def _line(run: RunReader) -> Iterator[tuple[PlanNode, str]]:
    nodes = run.plan.nodes
    for step_id in run.ready:
        yield nodes[run.recorded(step_id).node], step_id
    for node_id, counts in run.maps.items():
        node = nodes[node_id]
        if node.parallel and counts.asked < counts.total and counts.open < node.most_open and not run.settled(node_id):
            yield node, node_id
