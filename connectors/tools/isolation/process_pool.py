"""A pool of processes for calls that must be able to fail alone: killed at their time limit, bounded in memory.

A process runs one call at a time. What ends the process ends the call with ``process_died``, and another process takes
its place. None outlives the worker, see ``connectors.tools.isolation.fork_server``.
"""

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from connectors.tools.isolation.fork_server import ANSWER, EXIT_UNKNOWN, REQUEST
from connectors.tools.isolation.process_wire import LENGTH, MAX_OUTCOME_BYTES, Job, Place, Warm, outcome, packed
from connectors.tools.isolation.raised import described
from connectors.tools.isolation.thread_pool import Progress
from schemas.errors import StepError, Unavailable

log = logging.getLogger(__name__)

#: As many as there are threads; each has some 5 MB of its own besides what user code takes.
MAX_PROCESSES = 32
#: Processes that are ready before the first call.
WARM_PROCESSES = 2
#: How long the end of a killed process is waited for, to say how it ended.
EXIT_S = 5.0
#: Between two looks at a process that is ending.
LOOK_S = 0.002
STOP_S = 2.0
_BOOT = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); "
    "from connectors.tools.isolation import fork_server; fork_server.main(int(sys.argv[2]), int(sys.argv[3]))"
)


class _Died(Exception):
    """The process has closed its end."""


class _Child:
    """One process, as the worker sees it."""

    def __init__(self, pid: int, sock: socket.socket) -> None:
        self.pid = pid
        self._sock = sock

    async def ask(self, frame: bytes) -> bytes:
        """Send a message and return the answer. Raises ``_Died``."""
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_sendall(self._sock, frame)
            size = LENGTH.unpack(await self._read(LENGTH.size))[0]
            if size > MAX_OUTCOME_BYTES:
                raise _Died
            return await self._read(size)
        except OSError as exc:
            raise _Died from exc

    def is_gone(self) -> bool:
        """Return true if the process ended while it had nothing to do."""
        try:
            return not self._sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def kill(self) -> None:
        """Kill the process and the processes that it started in its session's group."""
        self._sock.close()
        for kill in (os.killpg, os.kill):
            # It leads its group only from its first moment on.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                kill(self.pid, signal.SIGKILL)

    async def _read(self, size: int) -> bytes:
        loop, data, at = asyncio.get_running_loop(), bytearray(size), 0
        while at < size:
            got = await loop.sock_recv_into(self._sock, memoryview(data)[at:])
            if not got:
                raise _Died
            at += got
        return bytes(data)


class _Server:
    """The fork server, as the worker sees it. Any method raises ``Unavailable`` when it has died."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self._control = ours
        self._lock = asyncio.Lock()
        with theirs:
            args = [sys.executable, "-c", _BOOT, json.dumps(sys.path), str(theirs.fileno()), str(os.getpid())]
            self._process = subprocess.Popen(
                args, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], start_new_session=True
            )

    @property
    def is_dead(self) -> bool:
        """True when no process can be forked any more."""
        return self._process.poll() is not None

    async def fork(self) -> _Child:
        """Return a new process."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            with theirs:
                return _Child(await self._ask(b"F", 0, [theirs.fileno()]), ours)
        except BaseException:
            ours.close()
            raise

    async def exit_code(self, pid: int) -> int | None:
        """Return how a process that is ending ended; ``None`` when that is not known in time."""
        with contextlib.suppress(TimeoutError, Unavailable):
            async with asyncio.timeout(EXIT_S):
                code = await self._ask(b"W", pid, [])
                while code == EXIT_UNKNOWN:
                    await asyncio.sleep(LOOK_S)
                    code = await self._ask(b"W", pid, [])
                return code
        return None

    async def close(self) -> None:
        """End the server, and with it all of its processes."""
        self._control.close()
        try:
            await asyncio.to_thread(self._process.wait, STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)

    async def _ask(self, letter: bytes, pid: int, fds: list[int]) -> int:
        # A question that is given up would leave its answer to the next one.
        return await asyncio.shield(asyncio.ensure_future(self._exchange(letter, pid, [os.dup(fd) for fd in fds])))

    async def _exchange(self, letter: bytes, pid: int, fds: list[int]) -> int:
        loop = asyncio.get_running_loop()
        try:
            async with self._lock:
                socket.send_fds(self._control, [REQUEST.pack(letter, pid)], fds)
                data = await loop.sock_recv(self._control, ANSWER.size)
        except OSError as exc:
            raise _no_server(described(exc)) from exc
        finally:
            for fd in fds:
                os.close(fd)
        if len(data) < ANSWER.size:
            raise _no_server("it has ended")
        answer: int = ANSWER.unpack(data)[0]
        return answer


class Processes:
    """Runs calls in at most ``most`` processes at once; further calls wait for one.

    ``places`` names the user code that each process imports before its first call.
    """

    def __init__(self, most: int = MAX_PROCESSES, places: Callable[[], Iterable[Place]] = tuple) -> None:
        self._most = most
        self._places = places
        self._slots = asyncio.Semaphore(most)
        self._starting = asyncio.Lock()
        self._idle: list[_Child] = []
        self._children: set[_Child] = set()
        self._server: _Server | None = None
        self._background: set[asyncio.Task[None]] = set()
        self._closed = False

    async def run(self, job: Job, progress: Progress) -> Any:
        """Return the result of a call.

        Raises what the call raised; ``StepError`` ``process_died``, ``memory_exceeded`` and ``not_importable``; and
        ``Unavailable`` when no process can be started. A call that is canceled is killed.
        """
        frame = packed(job)
        async with self._slots:
            child = await self._ready()
            progress.started = True
            try:
                answer = await child.ask(frame)
            except _Died as exc:
                raise self._died(job, await self._lost(child)) from exc
            except BaseException:
                self._replace(child)
                raise
            return self._outcome(job, child, answer)

    async def warm(self, count: int = WARM_PROCESSES) -> None:
        """Have so many processes ready, if that can be."""
        for _ in range(min(count, self._most) - len(self._idle)):
            await self._refill()

    async def close(self) -> None:
        """Kill every process. What still runs is abandoned."""
        self._closed = True
        for child in self._children:
            child.kill()
        self._children.clear()
        for task in list(self._background):
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        server, self._server = self._server, None
        if server is not None:
            await server.close()

    def _outcome(self, job: Job, child: _Child, answer: bytes) -> Any:
        try:
            value = outcome(answer)
        except StepError as exc:
            if exc.code == "memory_exceeded":
                # What the call left behind may be what is too much.
                self._replace(child)
            else:
                self._idle.append(child)
            raise
        except (ValueError, KeyError, TypeError) as exc:
            self._replace(child)
            raise StepError("process_died", f"{job.kind} {job.name!r} answered what cannot be read") from exc
        except BaseException:
            self._idle.append(child)
            raise
        self._idle.append(child)
        return value

    async def _ready(self) -> _Child:
        while self._idle:
            child = self._idle.pop()
            # Without the server its processes die at any moment.
            if not child.is_gone() and self._server is not None and not self._server.is_dead:
                return child
            self._replace(child)
        start = asyncio.get_running_loop().create_task(self._start())
        try:
            return await asyncio.shield(start)
        except asyncio.CancelledError:
            # The process comes all the same, and serves another call.
            start.add_done_callback(self._keep)
            raise

    def _keep(self, start: "asyncio.Task[_Child]") -> None:
        if start.cancelled() or start.exception() is not None:
            return
        if self._closed:
            self._kill(start.result())
        else:
            self._idle.append(start.result())

    async def _start(self) -> _Child:
        async with self._starting:
            if self._server is not None and self._server.is_dead:
                await self._server.close()
                self._server = None
            self._server = self._server or _Server()
            child = await self._server.fork()
            self._children.add(child)
            return child

    async def _refill(self) -> None:
        try:
            child = await self._start()
            await child.ask(packed(Warm(tuple(self._places()))))
        except (Unavailable, _Died, OSError) as exc:
            log.warning("no process could be made ready: %r", exc, extra={"action": "warm_failed"})
            return
        if len(self._idle) < self._most:
            self._idle.append(child)
        else:
            self._kill(child)

    async def _lost(self, child: _Child) -> int | None:
        """Return how a process ended that closed its end, and have another one made ready."""
        server = self._server
        # One that only closed its socket must end, too; of one that has ended already this changes nothing.
        self._kill(child)
        code = await server.exit_code(child.pid) if server is not None else None
        self._later(self._refill())
        return code

    def _kill(self, child: _Child) -> None:
        self._children.discard(child)
        child.kill()

    def _replace(self, child: _Child) -> None:
        self._kill(child)
        self._later(self._buried(child))

    async def _buried(self, child: _Child) -> None:
        if self._server is not None:
            await self._server.exit_code(child.pid)
        if not self._closed:
            await self._refill()

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    @staticmethod
    def _died(job: Job, code: int | None) -> StepError:
        bound = f" (it may take {job.memory_mb} MiB)" if job.memory_mb is not None else ""
        return StepError(
            "process_died",
            f"the process of {job.kind} {job.name!r} {_how(code)}{bound}; see the worker's log for what it wrote last",
            retryable=True,
            details={"outcome": "unknown"} if job.kind == "tool" else {},
        )


def _how(code: int | None) -> str:
    if code is None:
        return "ended, and nobody knows how"
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        return f"was killed by signal {-code}"
    return f"was killed by signal {-code} ({name})"


def _no_server(why: str) -> Unavailable:
    return Unavailable("processes", f"the fork server does not answer: {why}; see the worker's log")
