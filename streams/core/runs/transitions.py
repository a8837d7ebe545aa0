"""Every state of a run and of a step, with its legal moves. Nothing else decides what may follow what.

Rules that the tables stand for:

1. A run starts ``queued`` and leaves it by its admission (``admission``), a cancel or its deadline. A terminal state
   is never left: no cancel resurrects a run, no late result changes its end.
2. A node is *settled* when it is ``succeeded``, ``failed``, ``skipped`` or ``canceled``. A run succeeds when every node
   is settled. The first step that fails for good fails the run, unless its node is optional: then the node is settled
   by it. What is open when a run fails is canceled.
3. A step is ``pending`` (and has no entry) until the join of its node (``nodes.join``) says that it runs or is skipped.
   What would run is skipped by a condition that is false; else it is ``ready``, for a moment or until its run has a
   place for it (``nodes.concurrency``). What is skipped settles its node, so skipping continues along a
   branch. A switch succeeds at once.
4. ``ready`` becomes ``running`` by its request, or ``waiting`` where no worker is asked (``nodes.kinds``). Arguments
   that cannot be bound fail it at once; a map over an empty list succeeds at once.
5. A running attempt ends by its result, by its backstop timer, or is given back unstarted. Then the step waits
   for a timer (``waiting``), and the timer makes it ``running`` again.
6. A result that comes while a deferred attempt waits is a result: some worker did start it after all.
7. A result counts only for the attempt that is open. The money of any other attempt that was requested still
   counts, once.
8. A node that was skipped, or is optional and failed, has no output: references to it are null. The same holds for an
   ancestor that still ran when a join started the step early.
9. A mapped node has rules of its own (``nodes.map``): its children may fail without failing it.
10. A run may begin with results of another one: their steps are ``succeeded`` or ``skipped`` from the start, at no
    cost.
11. A step that runs another workflow waits for that run, or not, by rules of its own (``nodes.workflow``).
12. What runs after a run has failed or was canceled has rules of its own (``nodes.compensation``) and changes no end.
"""

from collections.abc import Mapping

from schemas.errors import AgentFlowError
from schemas.run_states import RunState, StepState

RUN_MOVES: Mapping[RunState, frozenset[RunState]] = {
    "queued": frozenset({"running", "failed", "canceled"}),
    "running": frozenset({"succeeded", "failed", "canceled"}),
    "succeeded": frozenset(),
    "failed": frozenset(),
    "canceled": frozenset(),
}

STEP_MOVES: Mapping[StepState, frozenset[StepState]] = {
    "pending": frozenset({"ready", "skipped", "canceled"}),
    "ready": frozenset({"running", "waiting", "succeeded", "failed", "canceled"}),
    "running": frozenset({"waiting", "succeeded", "failed", "canceled"}),
    "waiting": frozenset({"running", "succeeded", "failed", "canceled"}),
    "succeeded": frozenset(),
    "failed": frozenset(),
    "skipped": frozenset(),
    "canceled": frozenset(),
}


class ImpossibleMove(AgentFlowError):
    """The state and the rules contradict each other: a defect of ours, so the run's key is quarantined."""


def check_run_move(old: RunState, new: RunState) -> None:
    """Raise ``ImpossibleMove`` unless a run may go from ``old`` to ``new``."""
    if new not in RUN_MOVES[old]:
        raise ImpossibleMove(f"a run cannot go from {old} to {new}")


def check_step_move(old: StepState, new: StepState) -> None:
    """Raise ``ImpossibleMove`` unless a step may go from ``old`` to ``new``."""
    if new not in STEP_MOVES[old]:
        raise ImpossibleMove(f"a step cannot go from {old} to {new}")
