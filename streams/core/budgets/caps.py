"""Caps of runs: what is spent of each, in an entity of its own, which leaves a day after the run's end.

A hold names the caps that it counts against, the run's own and those of its ancestors, with their amounts, and the
settlement of its call names the same runs. So a counter is exact before ``RunReserved`` is read: the hold makes what is
held, the settlement what is spent, and a cap never changes.
"""

from collections.abc import Sequence

from schemas.records.run_caps import RunCapEvent, RunEnded, RunReleased, RunReserved
from schemas.tables.budgets import BEGUN, CAP, CAP_ENDED, CAP_RESERVED, CAP_SPENT, CAP_VERSION, cap_entity
from streams.core.commands import Command, ExpireAt
from streams.core.state import State

#: How long a cap outlives its run, for costs that come late.
KEEP_MS = 86_400_000
#: How long a cap is known by a settlement alone: its run has not begun by the log of costs, or is long over.
UNKNOWN_MS = 45 * 86_400_000
#: Longer than any run.
OPEN_MS = 3_650 * 86_400_000


def apply(state: State, event: RunCapEvent, now_ms: int) -> list[Command]:
    """Open a cap, change what is reserved of it, or let it leave."""
    entity = cap_entity(event.run_id)
    match event:
        case RunReserved():
            if state.get(entity, CAP) is None:
                known = not _begin(state, entity)
                state.put(entity, CAP, event.cap_nano)
                state.put(entity, CAP_RESERVED, event.reserved_nano)
                return [ExpireAt(entity, now_ms + OPEN_MS)] if known else []
        case RunReleased():
            version = state.get(entity, CAP_VERSION)
            if state.get(entity, CAP) is not None and (version is None or version < event.version):
                state.put(entity, CAP_VERSION, event.version)
                state.put(entity, CAP_RESERVED, event.reserved_nano)
        case RunEnded():
            if state.get(entity, BEGUN) is None or state.get(entity, CAP_ENDED) is not None:
                return []
            state.put(entity, CAP_ENDED, now_ms)
            return [ExpireAt(entity, now_ms + KEEP_MS)]
    return []


def spend(state: State, runs: Sequence[str], amount_nano: int, now_ms: int) -> list[Command]:
    """Add a settlement to what is spent of the caps of runs."""
    new = [run_id for run_id in runs if _begin(state, cap_entity(run_id))]
    correct(state, runs, amount_nano)
    return [ExpireAt(cap_entity(run_id), now_ms + UNKNOWN_MS) for run_id in new]


def correct(state: State, runs: Sequence[str], difference_nano: int) -> None:
    """Change what is spent of the caps of runs, of those that are still there."""
    for entity in map(cap_entity, runs):
        if state.get(entity, BEGUN) is not None:
            state.put(entity, CAP_SPENT, (state.get(entity, CAP_SPENT) or 0) + difference_nano)


def _begin(state: State, entity: str) -> bool:
    """Make an entity that is not there; return whether it was made."""
    if state.get(entity, BEGUN) is not None:
        return False
    state.put(entity, BEGUN, 1)
    return True
