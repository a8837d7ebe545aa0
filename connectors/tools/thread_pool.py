"""A bounded pool of threads for plain functions. They are daemons: one that hangs does not keep the process."""

import asyncio
import contextvars
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

#: Plain functions at once. They mostly wait for files and sockets; a worker's concurrency is the real bound.
MAX_THREADS = 32

_Job = tuple[Future[Any], Callable[[], Any]]


class Threads:
    """Runs calls in at most ``most`` threads; further calls wait for one.

    A call that is given up (a timeout, a cancel) before it started is not made; one that started ends by itself, and
    its thread is taken until then.
    """

    def __init__(self, most: int = MAX_THREADS) -> None:
        self._most = most
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._started = 0
        #: One token for each thread that waits for a job and has not been promised one.
        self._idle = threading.Semaphore(0)

    async def run(self, call: Callable[..., Any], /, **arguments: Any) -> Any:
        """Return what ``call(**arguments)`` returns, with the caller's context variables."""
        context = contextvars.copy_context()
        done: Future[Any] = Future()
        self._jobs.put((done, lambda: context.run(call, **arguments)))
        self._ensure()
        return await asyncio.wrap_future(done)

    def _ensure(self) -> None:
        if self._idle.acquire(blocking=False):
            return
        with self._lock:
            if self._started < self._most:
                self._started += 1
                threading.Thread(target=self._work, name=f"tool-{self._started}", daemon=True).start()

    def _work(self) -> None:
        while True:
            done, call = self._next()
            if done.set_running_or_notify_cancel():
                _settle(done, call)
            del done, call

    def _next(self) -> _Job:
        try:
            return self._jobs.get_nowait()
        except queue.Empty:
            self._idle.release()
            return self._jobs.get()


def _settle(done: Future[Any], call: Callable[[], Any]) -> None:
    try:
        result = call()
    except BaseException as exc:  # noqa: BLE001 - whatever ends the call is its outcome
        done.set_exception(exc)
    else:
        done.set_result(result)
