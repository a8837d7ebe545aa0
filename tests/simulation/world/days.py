"""Days later: windows and horizons have turned over, and what was said long ago is said again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from schemas.records.base import Record
from schemas.records.money import CostEvent
from schemas.records.run_events import CancelRequested, ChildFinished, SignalReceived, StepFailed, StepSucceeded
from topics import catalogue
from topics.codec import decode

if TYPE_CHECKING:
    from tests.simulation.world.world import World

DAY_MS = 86_400_000
#: All within the horizon of settlements, which is 45 days.
SOON = (1, 3, 20, 44)
#: Beyond every horizon.
NEVER = 46
SAID_AGAIN = (StepSucceeded, StepFailed, SignalReceived, CancelRequested, ChildFinished)


class Days:
    """Lets days pass in a world that has run dry, and then begins something again.

    ``left_ms`` is when all left the tables last whose time had come: while little time passes nothing need leave.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self.left_ms = 0

    def pass_soon(self) -> None:
        """Let days pass; then repeats and corrections come, and another run."""
        self._pass(self._world.rng.choice(SOON))
        self._world.clients.start_saying(self._late())
        self._world.clients.start(10)

    def pass_all(self) -> None:
        """Let so much time pass that nothing is remembered; then another run comes."""
        self._pass(NEVER)
        self._world.clients.start(11)

    def _pass(self, days: int) -> None:
        world = self._world
        world.scheduler.now_ms += days * DAY_MS
        self.left_ms = world.scheduler.now_ms
        for table in world.tables.values():
            table.let_leave(world.scheduler.now_ms)
        for mischief in (world.mischief.flush, world.mischief.lose, world.mischief.compact, world.mischief.lose):
            if world.rng.random() < 0.3:
                mischief()
        if world.rng.random() < 0.5:
            world.scheduler.kill(world.owners.last.process)
            world.owners.start()

    def _late(self) -> list[Record]:
        """Return repeats of what was said, and actual costs of what was only presumed, in another window."""
        world = self._world
        costs = [decode(r.topic, r.value) for r in world.log.everything(catalogue.COST_EVENTS)]
        settled = [event for event in costs if isinstance(event, CostEvent)]
        actual = {event.call_id for event in settled if event.kind == "actual"}
        late: list[Record] = [event for event in costs if world.rng.random() < 0.2]
        for event in settled:
            billed = world.worker.billed.get(event.call_id)
            if event.call_id not in actual and billed is not None:
                actual.add(event.call_id)
                now_ms = world.scheduler.now_ms
                late.append(structs.replace(event, kind="actual", amount_nano=billed, booked_at_ms=now_ms))
        events = [decode(r.topic, r.value) for r in world.log.everything(catalogue.RUN_EVENTS)]
        late += [event for event in events if isinstance(event, SAID_AGAIN) and world.rng.random() < 0.1]
        world.rng.shuffle(late)
        return late
