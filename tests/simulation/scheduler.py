"""One thread, one seed: who goes on next, what the time is, and who dies.

Coroutines run on an event loop of our own, first come first served, until every one of them waits for the scheduler.
Only then does the seed pick one of those that wait. So a run of the simulation is a function of its seed.
"""

import asyncio
import hashlib
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from dataclasses import dataclass, field
from random import Random
from typing import Any


@dataclass(eq=False)
class Process:
    """An operating system process: what it holds is gone when it is killed; ``stopped`` is a SIGSTOP."""

    name: str
    alive: bool = True
    stopped: bool = False
    tasks: list["asyncio.Task[None]"] = field(default_factory=list)


@dataclass(eq=False)
class Waiter:
    """A coroutine that waits for its turn. ``idle`` ones only look whether there is something to do."""

    process: Process
    what: str
    due_ms: int
    idle: bool
    future: "asyncio.Future[None]"


class StepLoop(asyncio.AbstractEventLoop):
    """As much of an event loop as tasks, futures and ``gather`` ask for. It does nothing by itself."""

    def __init__(self) -> None:
        self._ready: deque[asyncio.Handle] = deque()
        self.errors: list[BaseException] = []

    def call_soon(  # type: ignore[override]  # the stub's type variables, without their gain here
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """Run a callback in its turn."""
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def create_future(self) -> "asyncio.Future[Any]":
        """Return a future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, *, name: str | None = None, context: Context | None = None) -> "asyncio.Task[Any]":
        """Start a task."""
        return asyncio.Task(coro, loop=self, name=name, context=context)

    def get_debug(self) -> bool:
        """Never."""
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep what went wrong. A task of a killed process that is still pending is no error."""
        if "exception" in context:
            self.errors.append(context["exception"])

    def run_ready(self) -> None:
        """Run callbacks until everybody waits."""
        while self._ready:
            handle = self._ready.popleft()
            if not handle.cancelled():
                handle._run()


class Scheduler:
    """Picks who goes on. ``now_ms`` is the world's time; ``trace`` is a digest of every choice."""

    def __init__(self, rng: Random, start_ms: int) -> None:
        self.rng = rng
        self.now_ms = start_ms
        self.loop = StepLoop()  # type: ignore[abstract]  # what is left out here nobody calls
        self.steps = 0
        self._waiting: list[Waiter] = []
        self._trace = hashlib.sha256()

    def spawn(self, process: Process, coro: Coroutine[Any, Any, None]) -> None:
        """Start a coroutine as part of a process."""
        task = self.loop.create_task(coro)
        task.add_done_callback(self._done)
        process.tasks.append(task)

    def _done(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.loop.errors.append(error)

    async def turn(self, process: Process, what: str, sleep_ms: int = 0, *, idle: bool = False) -> None:
        """Wait until the seed lets this coroutine go on, not before ``sleep_ms`` have passed."""
        if not process.alive:
            await self.loop.create_future()
        waiter = Waiter(process, what, self.now_ms + sleep_ms, idle, self.loop.create_future())
        self._waiting.append(waiter)
        await waiter.future

    def kill(self, process: Process) -> None:
        """End a process where it stands. Nothing of it ever goes on."""
        self.note(f"kill {process.name}")
        process.alive = False
        self._waiting = [w for w in self._waiting if w.process.alive]

    def note(self, what: str) -> None:
        """Make something part of the trace."""
        self._trace.update(f"{self.now_ms} {what}\n".encode())

    @property
    def trace(self) -> str:
        """The digest of everything that happened."""
        return self._trace.hexdigest()

    def step(self) -> None:
        """Let one of those that may go on do so, and everything that follows from it."""
        self.loop.run_ready()
        going = [w for w in self._waiting if not w.process.stopped] or self._waiting
        able = [w for w in going if w.due_ms <= self.now_ms]
        if not able:
            self.now_ms = min(w.due_ms for w in going)
            able = [w for w in going if w.due_ms <= self.now_ms]
        chosen = able[self.rng.randrange(len(able))]
        self._waiting.remove(chosen)
        self.note(f"{chosen.process.name} {chosen.what}")
        self.steps += 1
        if not chosen.future.done():
            chosen.future.set_result(None)
        self.loop.run_ready()

    def only_idle(self) -> bool:
        """Whether everybody who waits only looks for work."""
        return all(w.idle for w in self._waiting)

    def soonest_ms(self) -> int | None:
        """Return when the first of those who wait for something wakes."""
        return min((w.due_ms for w in self._waiting if not w.idle), default=None)

    def close(self, processes: list[Process]) -> None:
        """Drop every coroutine that never ended."""
        self._waiting.clear()
        for process in processes:
            process.alive = False
            process.tasks.clear()
