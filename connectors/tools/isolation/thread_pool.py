"""A bounded pool of threads for plain functions. They are daemons: one that hangs does not keep the process.

A thread cannot be stopped. A call that is given up while it runs (a timeout, a cancel) is *abandoned*: its thread is
taken until the call ends by itself, and another thread replaces it, up to ``most_abandoned`` of them. Beyond that the
pool is ``exhausted``, and only a new process helps.
"""

import asyncio
import contextvars
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from connectors.tools.isolation.raised import contain

#: Plain functions at once. They mostly wait for files and sockets; a worker's concurrency is the real bound.
MAX_THREADS = 32
#: As many again: each costs its stack, and those that compute share the one interpreter with all others.
MAX_ABANDONED = 32


class Progress:
    """Whether a call has begun, so that one that never got a place is not said to have taken too long."""

    __slots__ = ("started",)

    def __init__(self) -> None:
        self.started = False


class _Job:
    __slots__ = ("abandoned", "call", "done", "progress")

    def __init__(self, call: Callable[[], Any], progress: Progress) -> None:
        self.call = call
        self.progress = progress
        self.done: Future[tuple[Any, Exception | None]] = Future()
        self.abandoned = False


class Threads:
    """Runs calls in at most ``most`` threads besides the abandoned ones; further calls wait for one.

    A call that is given up before it started is not made.
    """

    def __init__(self, most: int = MAX_THREADS, most_abandoned: int = MAX_ABANDONED) -> None:
        self._most = most
        self._most_abandoned = most_abandoned
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._started = 0
        self._abandoned = 0
        #: One token for each thread that waits for a job and has not been promised one.
        self._idle = threading.Semaphore(0)

    @property
    def abandoned(self) -> int:
        """How many threads run calls that were given up."""
        return self._abandoned

    @property
    def exhausted(self) -> bool:
        """True when so many threads are abandoned that no further one is replaced."""
        return self._abandoned >= self._most_abandoned

    async def run(self, call: Callable[..., Any], progress: Progress | None = None, /, **arguments: Any) -> Any:
        """Return what ``call(**arguments)`` returns, with the caller's context variables.

        Raises what it raises, as an ``Exception`` in any case.
        """
        context = contextvars.copy_context()
        job = _Job(lambda: context.run(call, **arguments), progress or Progress())
        self._jobs.put(job)
        self._ensure()
        try:
            result, error = await asyncio.wrap_future(job.done)
        except asyncio.CancelledError:
            self._abandon(job)
            raise
        if error is not None:
            raise error
        return result

    def _abandon(self, job: _Job) -> None:
        """Give up a call; when it runs, a further thread may take its place."""
        with self._lock:
            if not job.done.running():
                return
            job.abandoned = True
            self._abandoned += 1
        if not self._jobs.empty():
            self._ensure()

    def _ensure(self) -> None:
        if self._idle.acquire(blocking=False):
            return
        with self._lock:
            if self._started < self._most + min(self._abandoned, self._most_abandoned):
                self._started += 1
                threading.Thread(target=self._work, name=f"tool-{self._started}", daemon=True).start()

    def _work(self) -> None:
        while True:
            job = self._next()
            if job.done.set_running_or_notify_cancel():
                job.progress.started = True
                outcome = _made(job.call)
                if self._settle(job, *outcome):
                    return
                del outcome
            del job

    def _settle(self, job: _Job, result: Any, error: Exception | None) -> bool:
        """Settle a call. Returns whether the thread is one too many now."""
        with self._lock:
            # Not as the future's exception: asyncio makes another one of some, without its traceback.
            job.done.set_result((result, error))
            self._abandoned -= job.abandoned
            surplus = job.abandoned and self._started > self._most + min(self._abandoned, self._most_abandoned)
            self._started -= surplus
            return surplus

    def _next(self) -> _Job:
        try:
            return self._jobs.get_nowait()
        except queue.Empty:
            self._idle.release()
            return self._jobs.get()


def _made(call: Callable[[], Any]) -> tuple[Any, Exception | None]:
    try:
        return call(), None
    except BaseException as exc:  # noqa: BLE001 - whatever ends the call is its outcome
        return None, contain(exc)
