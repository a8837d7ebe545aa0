"""The roles as processes on this machine: started, watched, killed and stopped."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from deploy.local.engines.engine import GUARD, LOG_TAIL_LINES, open_log, tail
from deploy.local.engines.errors import EngineError

#: Fetched data of sinks is large and short-lived: returned to the system at once, it leaves no fragments. It costs a
#: tenth more CPU, so other roles, which grow less, do without. glibc alone reads it.
MALLOC = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": "131072", "MALLOC_TRIM_THRESHOLD_": "262144"}
SINKS = frozenset({"history", "analytics"})
ROOT = Path(__file__).resolve().parents[2]
POLL_S = 0.02


class RoleStartError(EngineError):
    """A role ended or did not report while starting; the message ends with the tail of its log."""


@dataclass
class RoleProcess:
    """One process of roles. It prints one JSON line on its output when it serves; the rest goes to its log.

    ``root`` is the checkout that it runs from.

    Start it in a thread that outlives it: on Linux it ends with the thread that started it, by ``death_signal``.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    log_path: Path
    ready: dict[str, object] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None
    death_signal: signal.Signals = signal.SIGTERM
    root: Path = ROOT

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self.process.pid if self.process is not None and self.process.poll() is None else None

    @property
    def returncode(self) -> int | None:
        """How the last process ended, negative for a signal; ``None`` while it runs and before the first start."""
        return self.process.poll() if self.process is not None else None

    def launch(self) -> None:
        """Launch the process without waiting for it.

        Raises ``RoleStartError`` while it runs: nobody would stop the first one, and both would claim its name.
        """
        if (running := self.pid) is not None:
            raise RoleStartError(f"{self.name} runs already, as process {running}; stop it before another start")
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        self._out = self.log_path.with_suffix(".ready")
        guard = [sys.executable, "-I", "-S", str(GUARD), str(os.getpid()), str(int(self.death_signal)), "-", "-"]
        with open_log(self.log_path) as log, self._out.open("wb") as out:
            self._started = log.tell()
            self.process = subprocess.Popen(
                [*guard, *self.command()],
                cwd=self.root,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                start_new_session=True,
            )

    def wait_ready(self, timeout_s: float = 60.0) -> dict[str, object]:
        """Block until the process reports that it serves; return the report. Raises ``RoleStartError``."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            line, end, _ = self._out.read_bytes().partition(b"\n")
            if end:
                self.ready = orjson.loads(line)
                return self.ready
            if self.pid is None:
                code = self.process.returncode if self.process else None
                raise RoleStartError(f"{self.name} ended with exit code {code} while starting\n{self.log_tail()}")
            time.sleep(POLL_S)
        raise RoleStartError(f"{self.name} is not ready after {timeout_s:.0f} s\n{self.log_tail()}")

    def start(self, timeout_s: float = 60.0) -> dict[str, object]:
        """Launch and wait."""
        self.launch()
        return self.wait_ready(timeout_s)

    def kill(self) -> None:
        """Kill the process with SIGKILL, as a crash does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self, timeout_s: float = 30.0) -> int | None:
        """Ask the process to stop, kill it if it does not; return its exit code."""
        if self.process is None:
            return None
        self.process.terminate()
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.process.returncode

    def log_tail(self, lines: int = LOG_TAIL_LINES) -> str:
        """Return the last lines of this start's log."""
        return tail(self.log_path, self._started, lines)

    def command(self) -> list[str]:
        """Return the command, with the whole path of its program."""
        return [sys.executable, *self.argv]

    def environment(self) -> dict[str, str]:
        """Return the environment that the process gets."""
        malloc = MALLOC if SINKS & set(self.argv) else {}
        # Tools of users import the SDK, which a checkout holds beside the application.
        path = os.pathsep.join(filter(None, (str(self.root / "sdk"), os.environ.get("PYTHONPATH"))))
        return {**malloc, **os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **self.env}


def stop_all(processes: Sequence[RoleProcess], timeout_s: float = 30.0) -> None:
    """Stop several at once."""
    for one in processes:
        if one.process is not None and one.pid is not None:
            one.process.terminate()
    for one in processes:
        one.stop(timeout_s)
