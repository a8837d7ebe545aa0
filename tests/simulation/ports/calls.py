"""Calls as a process makes them: each is two turns, and what lies between is where things go wrong."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from connectors.memory.engine import ManualClock
from connectors.ports.engine import OutRecord
from schemas.errors import Unavailable
from tests.simulation.scheduler import Process, Scheduler

T = TypeVar("T")


@dataclass
class Faults:
    """How often a call fails before it is done, and how often only its reply is lost. Both end with the faults."""

    rng: Random
    down: float
    lost: float
    on: bool = True

    def draw(self) -> str:
        """Return ``down``, ``lost`` or nothing."""
        if not self.on:
            return ""
        at = self.rng.random()
        return "down" if at < self.down else "lost" if at < self.down + self.lost else ""


#: How soon a process of the simulation notices an event.
LOOK_MS = 20


class SimClock(ManualClock):
    """The world's time, as one process sees it. Without a process only ``now_ms`` may be asked."""

    def __init__(self, scheduler: Scheduler, process: Process | None = None) -> None:
        super().__init__()
        self._scheduler = scheduler
        self._process = process

    def now_ms(self) -> int:
        """Return the time."""
        return self._scheduler.now_ms

    async def sleep(self, seconds: float) -> None:
        """Wait for the time and for a turn."""
        assert self._process is not None
        await self._scheduler.turn(self._process, "sleep", max(1, int(seconds * 1000)), idle=True)

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        """Look at the event now and then: who sets it is in another turn."""
        left_ms = int(seconds * 1000)
        while not event.is_set() and left_ms > 0:
            await self.sleep(min(left_ms, LOOK_MS) / 1000)
            left_ms -= LOOK_MS


class Calls:
    """Makes the calls of one process: a turn, the fault before, the call, another turn, the fault after."""

    def __init__(self, scheduler: Scheduler, faults: Faults, process: Process) -> None:
        self._scheduler = scheduler
        self._faults = faults
        self.process = process

    async def call(self, what: str, apply: Callable[[], Awaitable[T]]) -> T:
        """Make a call. Raises ``Unavailable`` by the seed's choice."""
        await self.turn(what)
        fault = self._faults.draw()
        if fault == "down":
            raise Unavailable("simulation", f"{what} was not done", 0.1)
        answer = await apply()
        await self.turn(f"{what} done")
        if fault == "lost":
            raise Unavailable("simulation", f"the reply to {what} was lost", 0.1)
        return answer

    async def turn(self, what: str) -> None:
        """Wait for a turn: here the process may die."""
        await self._scheduler.turn(self.process, what)

    def some_of(self, records: Sequence[OutRecord]) -> Sequence[OutRecord]:
        """Return all records or, by the seed's choice, only the first ones."""
        if len(records) < 2 or self._faults.draw() != "lost":
            return records
        return records[: self._faults.rng.randrange(1, len(records))]
