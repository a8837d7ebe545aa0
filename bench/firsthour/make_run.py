"""``make run`` as its user has it, but for the install: a process with its output, its processes and its API."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import httpx
import psutil

from connectors.http.clients import blocking_local_client
from deploy.local.engines.ports import FIRST_PORT, LAST_PORT, is_free
from deploy.local.engines.stack import ALL_ENGINES
from deploy.local.roles import ROOT
from deploy.local.system import LAYOUT

COMMAND = (sys.executable, "-m", "deploy.local", "run")
START_S, STOP_S = 120.0, 60.0
POLL_S = 0.02
SERVING = "serving on "
PROCESSES = (*sorted(ALL_ENGINES), *LAYOUT, "api")


class MakeRunError(Exception):
    """It ended, or did not serve in time; the message has its output."""


class MakeRun:
    """``python -m deploy.local run`` with its output in a file, on a port of its own."""

    def __init__(
        self, data_dir: Path, log: Path, args: Sequence[str] = (), env: Mapping[str, str] | None = None
    ) -> None:
        self.data_dir = data_dir
        self.log = log
        self.port = free_port()
        self._out = log.open("w", encoding="utf-8")
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            [*COMMAND, "--data-dir", str(data_dir), *args],
            cwd=ROOT,
            stdout=self._out,
            stderr=subprocess.STDOUT,
            env={**os.environ, "API_PORT": str(self.port), **(env or {})},
        )

    @property
    def url(self) -> str:
        """The address of the API."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def said(self) -> str:
        """The whole output so far."""
        return self.log.read_text(encoding="utf-8")

    def wait_serving(self, timeout_s: float = START_S) -> float:
        """Block until it says that it serves; return the seconds since its start. Raises ``MakeRunError``."""
        while SERVING not in self.said:
            if self.process.poll() is not None:
                raise MakeRunError(f"it ended with exit code {self.process.returncode}:\n{self.said}")
            if time.monotonic() - self.began > timeout_s:
                raise MakeRunError(f"it does not serve within {timeout_s:g} s:\n{self.said}")
            time.sleep(POLL_S)
        return time.monotonic() - self.began

    def client(self, timeout_s: float = 5.0) -> httpx.Client:
        """Return a client with the bootstrap key."""
        key = (self.data_dir / "api-key").read_text(encoding="utf-8")
        return blocking_local_client(self.url, {"Authorization": f"Bearer {key}"}, timeout_s)

    def pid_of(self, name: str) -> int | None:
        """Return the process id of an engine or role; ``None`` while it does not run."""
        ends = {"api": ["-m", "api"], **{role: ["-m", "streams", *names] for role, names in LAYOUT.items()}}
        if name not in ends:
            return self._engine(name)
        for child in self._children():
            with suppress(psutil.Error):
                if child.cmdline()[1:] == ends[name]:
                    return int(child.pid)
        return None

    def interrupt(self, timeout_s: float = STOP_S) -> tuple[int, float]:
        """Do what Ctrl-C does; return the exit code and the seconds until its end. Nothing may be left running.

        Raises ``MakeRunError``.
        """
        children, began = self._children(), time.monotonic()
        self.process.send_signal(signal.SIGINT)
        code: int = self.process.wait(timeout_s)
        seconds = time.monotonic() - began
        self._out.close()
        _, alive = psutil.wait_procs(children, timeout=5)
        if alive:
            raise MakeRunError(f"these still run: {[child.cmdline() for child in alive]}")
        return code, seconds

    def end(self) -> None:
        """End it if it still runs, with everything that it started."""
        if self.process.poll() is None:
            children = self._children()
            self.process.kill()
            self.process.wait()
            for child in children:  # Redis, for one, does not end without its directory, which a test may delete
                with suppress(psutil.NoSuchProcess):
                    child.kill()
            psutil.wait_procs(children, timeout=5)
        self._out.close()

    def _engine(self, name: str) -> int | None:
        try:
            pid = int((self.data_dir / "run" / f"{name}.pid").read_text(encoding="utf-8").split()[0])
        except (FileNotFoundError, ValueError, IndexError):
            return None
        return pid if psutil.pid_exists(pid) else None

    def _children(self) -> list[psutil.Process]:
        with suppress(psutil.NoSuchProcess):
            return list(psutil.Process(self.process.pid).children(recursive=True))
        return []


def free_port() -> int:
    """Return a port that no engine of this machine chooses soon: above their range, below that of connections."""
    start = LAST_PORT + os.getpid() % 500
    candidates: list[int] = [*range(start, LAST_PORT + 760), *range(FIRST_PORT, LAST_PORT)]
    for port in candidates:
        if is_free(port):
            return port
    raise OSError("no free port")
