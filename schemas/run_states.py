"""Every state of a run and of a step, and which of them are terminal.

Their moves are in ``streams.core.runs.transitions``.
"""

from typing import Literal, TypeGuard, get_args

RunEnd = Literal["succeeded", "failed", "canceled"]
RunState = Literal["queued", "running", RunEnd]
StepEnd = Literal["succeeded", "failed", "skipped", "canceled"]
StepState = Literal["pending", "ready", "running", "waiting", StepEnd]

#: A terminal state is never left.
TERMINAL_RUN: frozenset[RunState] = frozenset(get_args(RunEnd))
OPEN_RUN: frozenset[RunState] = frozenset(get_args(RunState)) - TERMINAL_RUN
TERMINAL_STEP: frozenset[StepState] = frozenset(get_args(StepEnd))
OPEN_STEP: frozenset[StepState] = frozenset(get_args(StepState)) - TERMINAL_STEP
#: How a run ends that did not succeed.
UNSUCCESSFUL_RUN: frozenset[RunState] = TERMINAL_RUN - {"succeeded"}


def is_run_end(state: RunState) -> TypeGuard[RunEnd]:
    """Return whether a run in this state is over."""
    return state in TERMINAL_RUN
