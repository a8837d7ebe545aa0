"""Roles that a server forks, see ``tests.support.role_server``: the same processes, without 2.5 s of imports each."""

import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Self

import pytest

from deploy.local.engines.engine import open_log
from deploy.local.roles import ROOT, RoleProcess, RoleStartError
from tests.support.role_server import Request

#: What the server has imported.
MODULES = frozenset({"streams", "api", "connectors.providers.local.server"})
STOP_S = 30.0


class Forked:
    """A process of the server, with those methods of ``subprocess.Popen`` that a ``RoleProcess`` needs."""

    def __init__(self, pid: int, handle: int, status: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._handle = handle
        self._status = status

    def poll(self) -> int | None:
        """Return its exit code, negative for a signal; ``None`` while it runs."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """Return its exit code. Raises ``subprocess.TimeoutExpired``."""
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
        return code

    def send_signal(self, sent: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, sent)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _ended(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._status], (), (), timeout)[0]:
            # Nothing comes of a server that was killed; its processes die with it.
            self.returncode = int(os.read(self._status, 16) or -signal.SIGKILL)
            os.close(self._status)
            os.close(self._handle)
        return self.returncode


class RoleServer:
    """The server of this process, started when it is first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._control is not None and self._process is not None:
            self._control.close()
            self._process.wait(STOP_S)

    def fork(self, request: Request, out: int, errors: int) -> Forked:
        """Start a process that writes to these descriptors."""
        with self._lock:
            control = self._control or self._start()
            status, theirs = os.pipe()
            try:
                socket.send_fds(control, [request.packed()], [out, errors, theirs])
            finally:
                os.close(theirs)
            pid, fds, _, _ = socket.recv_fds(control, 64, 1)
            return Forked(int(pid), fds[0], status)

    def _start(self) -> socket.socket:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            env = os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT / "sdk"), str(ROOT)))}
            argv = [sys.executable, "-m", "tests.support.role_server", str(theirs.fileno())]
            self._process = subprocess.Popen(
                argv, cwd=ROOT, env=env, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
            )
        return self._control


@contextmanager
def forked_roles() -> Iterator[None]:
    """Fork each ``RoleProcess`` of this checkout that the server has imported; others start as always."""
    launch = RoleProcess.launch

    def forked(role: RoleProcess) -> None:
        argv = list(role.argv)
        plain = type(role).command is RoleProcess.command and role.root == ROOT
        if not plain or argv[0] != "-m" or argv[1] not in MODULES:
            launch(role)
            return
        if (running := role.pid) is not None:
            raise RoleStartError(f"{role.name} runs already, as process {running}; stop it before another start")
        role.log_path.parent.mkdir(parents=True, exist_ok=True)
        role._out = role.log_path.with_suffix(".ready")
        request = Request(argv, dict(role.environment()), str(role.root), int(role.death_signal))
        with open_log(role.log_path) as log, role._out.open("wb") as out:
            role._started = log.tell()
            process: Any = server.fork(request, out.fileno(), log.fileno())
            role.process = process

    with RoleServer() as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(RoleProcess, "launch", forked)
        yield
