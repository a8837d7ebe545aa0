"""Starts roles by fork: ``python -m tests.support.role_server FD``, one server for each process of tests.

A role takes 2.5 s of CPU to import its modules. The server imports them once; a fork of it has them after a few
milliseconds, and then runs ``python -m streams …`` or ``python -m api`` with its own arguments, environment, folder,
session and output, as a new process would. It can be killed, stopped and waited for as any other, and it dies with
the server, which ends when its socket does.

FD is a socket of packets. A request is ``Request`` as JSON, with the descriptors of output, errors and a pipe; the
answer is the new process' id as text, with a descriptor of the process. The pipe gets its exit code as text.
"""

import ctypes
import importlib
import io
import json
import os
import runpy
import select
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from connectors.aio.quick_start import imports
from deploy.local.engines.guard import PR_SET_PDEATHSIG

PACKET_BYTES = 1 << 20
IMPORTED = ("streams.app", "api.app", "connectors.providers.local.server")


@dataclass(frozen=True)
class Request:
    """A process to start: ``argv`` begins with ``-m`` and a module."""

    argv: list[str]
    env: dict[str, str]
    cwd: str
    death_signal: int

    def packed(self) -> bytes:
        """Return it as JSON."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def unpacked(cls, data: bytes) -> "Request":
        """Read one that was packed."""
        return cls(**json.loads(data))


class Server:
    """Answers requests in the only thread, so that a fork has all of it."""

    def __init__(self, control: socket.socket) -> None:
        # The flags that `recv_fds` takes are not used by Python 3.11.
        control.setblocking(False)
        self._control = control
        self._running: dict[int, int] = {}
        self._pid = os.getpid()
        self._paths = [path for path in sys.path if path not in _paths_of(os.environ)]

    def serve(self) -> Request | None:
        """Return the request in each new process, and ``None`` in this one when nobody asks any more."""
        # A wake-up by signal and a packet are waited for together.
        woken, wake = os.pipe()
        for fd in (woken, wake):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(wake)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        while True:
            self._reap()
            select.select((woken, self._control), (), ())
            with suppress(BlockingIOError):
                os.read(woken, 1024)
            try:
                data, fds, _, _ = socket.recv_fds(self._control, PACKET_BYTES, 3)
            except BlockingIOError:
                continue
            if not data:
                return None
            request = Request.unpacked(data)
            if self._forked(fds):
                os.close(woken)
                os.close(wake)
                return request

    def enter(self, request: Request) -> None:
        """Make this new process what a start by ``exec`` would have made of it."""
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, request.death_signal, 0, 0, 0)
        if os.getppid() != self._pid:
            os._exit(0)  # the server died before the signal was armed
        os.setsid()
        os.chdir(request.cwd)
        os.environ.clear()
        os.environ.update(request.env)
        sys.path[:] = [request.cwd, *_paths_of(request.env), *self._paths]
        sys.argv = list(request.argv[1:])
        sys.stdout, sys.stderr = (io.TextIOWrapper(io.FileIO(fd, "w"), write_through=True) for fd in (1, 2))
        sys.__stdout__, sys.__stderr__ = sys.stdout, sys.stderr

    def _forked(self, fds: list[int]) -> bool:
        """Return true in the new process."""
        out, errors, status = fds
        if (pid := os.fork()) == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            nothing = os.open(os.devnull, os.O_RDONLY)
            for number, fd in enumerate((nothing, out, errors)):
                os.dup2(fd, number)
            for fd in (nothing, *fds, *self._running.values()):
                os.close(fd)
            self._control.close()
            return True
        self._running[pid] = status
        handle = os.pidfd_open(pid)
        socket.send_fds(self._control, [str(pid).encode()], [handle])
        for fd in (out, errors, handle):
            os.close(fd)
        return False

    def _reap(self) -> None:
        while self._running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            pipe = self._running.pop(pid)
            with suppress(BrokenPipeError):
                os.write(pipe, str(os.waitstatus_to_exitcode(status)).encode())
            os.close(pipe)


def _paths_of(env: dict[str, str] | os._Environ[str]) -> list[str]:
    return [path for path in env.get("PYTHONPATH", "").split(os.pathsep) if path]


def main() -> None:
    """Serve; a new process returns from here as from the module that it runs."""
    with imports():
        for name in IMPORTED:
            importlib.import_module(name)
    # A fork has one thread: locks that another one holds would stay locked.
    assert len(list(Path("/proc/self/task").iterdir())) == 1, "an import has started a thread"
    server = Server(socket.socket(fileno=int(sys.argv[1])))
    if (request := server.serve()) is not None:
        server.enter(request)
        if not hasattr(sys.modules[request.argv[1]], "__path__"):
            del sys.modules[request.argv[1]]  # it is run, not imported
        runpy.run_module(request.argv[1], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
