"""RunPosition mistakes of the engine's environment, planted by subclasses and by the simulated stores themselves."""

import asyncio
from typing import Any

import msgspec

from schemas.records.admissions import AdmissionEvent, AdmissionReleased
from schemas.records.run_events import CancelRequested, RunEvent, TimerFired
from schemas.records.timers import Deadline
from schemas.tables.admissions import POSITION, RunPosition, run_entity
from schemas.tables.budgets import settled_entity
from streams.core.admissions.fold import AdmissionsFold
from streams.core.admissions.queue import AdmissionQueues
from streams.core.budgets.fold import BudgetsFold, CallEvent
from streams.core.commands import Command, Emit
from streams.core.runs.fold import RunFold
from streams.core.runs.state.entries import step_field
from streams.core.state import State
from streams.runtime.checkpoint.writer import Checkpointer
from streams.runtime.table.agent import TableAgent
from streams.runtime.table.engine import Engine, Prepared
from streams.runtime.table.partition import OwnedPartition

BUGS = (
    "no_epoch_check",
    "no_fence",
    "ack_first",
    "offset_first",
    "timer_by_clock",
    "settled_forgotten",
    "unannounced",
    "not_held_again",
    "marker_first",
    "zombie_checkpoint",
    "undone_forgotten",
    "place_given_twice",
    "children_left",
)


class AckFirst(Engine):
    """Moves the position before what the chunk says is emitted."""

    async def finish(self, prepared: Prepared) -> None:
        """Commit, then emit."""
        parts = [part for part in prepared.parts if part.owned.live]
        await asyncio.gather(*(self._commit(part) for part in parts if part.owned.live))
        await self._emit(parts)


class TimerByClock(RunFold):
    """Believes a timer whose time has come, whatever the step waits for by now."""

    def fold(self, state: State, event: RunEvent, now_ms: int, offset: int) -> list[Command]:
        """Make the timer match, then fold."""
        if isinstance(event, TimerFired) and event.due_ms <= now_ms:
            field = step_field("" if isinstance(event.timer, Deadline) else event.timer.step_id)
            step: Any = state.get(event.run_id, field)
            if step is not None:
                state.put(event.run_id, field, msgspec.structs.replace(step, timer=event.timer))
        return super().fold(state, event, now_ms, offset)


class LeavesChildren(RunFold):
    """Does not tell the runs to end that a run has started and does not wait for any more."""

    def fold(self, state: State, event: RunEvent, now_ms: int, offset: int) -> list[Command]:
        """Leave it out."""
        return [one for one in super().fold(state, event, now_ms, offset) if not _cancels(one)]

    def outstanding(self, state: State, entity: str, now_ms: int) -> list[Command]:
        """Leave it out."""
        return [one for one in super().outstanding(state, entity, now_ms) if not _cancels(one)]


def _cancels(command: Command) -> bool:
    return isinstance(command, Emit) and isinstance(command.record, CancelRequested)


class Forgetful(BudgetsFold):
    """Does not remember which calls are settled."""

    def fold(self, state: State, event: CallEvent, now_ms: int, offset: int) -> list[Command]:
        """Forget the call, then fold."""
        state.drop(settled_entity(event.call_id), "settlement")
        return super().fold(state, event, now_ms, offset)


class NotHeldAgain(BudgetsFold):
    """Lets a restore forget the holds of calls under way that its checkpoint knows."""

    def hold(self, entity: str, field: str, data: bytes) -> None:
        """Name none."""


class GivenTwice(AdmissionsFold):
    """Takes a place back as often as it is told that a run is over."""

    def fold(self, state: State, event: AdmissionEvent, now_ms: int, offset: int) -> list[Command]:
        """Take it back once more, then fold."""
        if isinstance(event, AdmissionReleased):
            known: RunPosition | None = state.get(run_entity(event.run_id), POSITION)
            if known is not None:
                queue = AdmissionQueues(state).queue(event.org_id, known.queue)
                if known.number >= queue.head and queue.waiting <= 0:
                    raise RuntimeError("the queue is corrupt, and would be searched without end")
                if known.is_over and queue.running:
                    AdmissionQueues(state).leave(event.org_id, known.queue, known.number)
        return super().fold(state, event, now_ms, offset)


class OnlyItsOwn(Checkpointer):
    """Forgets what the owner before had changed since the last checkpoint."""

    async def _made_whole(self, owned: OwnedPartition) -> bool:
        """Say that it is."""
        owned.saved.whole = True
        return True


class Unasked(Checkpointer):
    """Writes a checkpoint whoever owns the table."""

    async def _still_ours(self, owned: OwnedPartition) -> None:
        """Do not ask."""


#: The folds of money with a planted bug.
SPEND: dict[str, type[BudgetsFold]] = {"settled_forgotten": Forgetful, "not_held_again": NotHeldAgain}
#: The folds of runs with one.
RULES: dict[str, type[RunFold]] = {"timer_by_clock": TimerByClock, "children_left": LeavesChildren}
#: The folds of admissions with one.
TURNS: dict[str, type[AdmissionsFold]] = {"place_given_twice": GivenTwice}


def plant(bug: str, agent: TableAgent) -> None:
    """Make an agent's engine one that has the bug, if it is the engine's."""
    if bug == "ack_first":
        agent._engine.__class__ = AckFirst
    if bug == "undone_forgotten":
        agent._checkpointer.__class__ = OnlyItsOwn
    if bug == "zombie_checkpoint":
        agent._checkpointer.__class__ = Unasked
