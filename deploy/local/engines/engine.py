"""One supervised engine: the port that every engine module fills in, and the life of its process.

An engine is started in three phases so that a stack can start several at once: `prepare` (blocking, may run in any
thread), `launch` (in the thread that will outlive the engine: on Linux the kernel ends a child when the *thread*
that started it ends), `wait_ready` (blocking, any thread).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, ClassVar

import psutil

from connectors.objects import atomic_file
from deploy.local.engines.errors import EngineStartError
from deploy.local.engines.ports import PortBook
from deploy.local.engines.progress import HEARTBEAT_S, Progress, silent
from deploy.local.engines.tls.files import LocalTls

GUARD = Path(__file__).with_name("guard.py")
PROBE_INTERVAL_S = 0.03  # a probe costs about 0.2 ms, and half of this is added to every start
LOG_KEEP_BYTES = 10_000_000
LOG_TAIL_LINES = 15


@dataclass(frozen=True, slots=True)
class EngineContext:
    """The context that every engine of a stack shares."""

    data_dir: Path
    ports: PortBook
    secret: str
    durable: bool = True  # False for tests: no fsync, and children are killed hard when the parent dies
    progress: Progress = silent
    warn: Progress = silent
    tls: LocalTls | None = None  # encrypt every connection, with these certificates
    jvm_options: Sequence[str] = ()  # of brokers, stronger than their own


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start one process. `user` is (uid, gid) to become, only possible as root."""

    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    user: tuple[int, int] | None = None


class Engine(ABC):
    """One engine process on loopback, with its data in `<data_dir>/<name>` and its log in `<data_dir>/logs`."""

    name: ClassVar[str]
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    start_timeout_s: float = 60.0
    stop_timeout_s: float = 20.0

    def __init__(self, context: EngineContext) -> None:
        self.context = context
        self.home = context.data_dir / self.name
        self.log_path = context.data_dir / "logs" / f"{self.name}.log"
        self._pid_path = context.data_dir / "run" / f"{self.name}.pid"
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0
        self.start_seconds: float | None = None

    @property
    @abstractmethod
    def address(self) -> str:
        """The address that clients connect to; the same for the life of this object."""

    @abstractmethod
    def prepare(self) -> None:
        """Make directories, configuration and, the first time, the data. Blocks; safe to repeat."""

    @abstractmethod
    def launch_spec(self) -> Launch:
        """The process to start; called after `prepare`."""

    @abstractmethod
    def probe(self) -> bool:
        """Probe the engine by its own protocol. Raises OSError when nothing answers."""

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def returncode(self) -> int | None:
        """How the last process ended, negative for a signal; ``None`` while it runs and before the first start."""
        return self._process.poll() if self._process is not None else None

    def log_tail(self, lines: int = LOG_TAIL_LINES) -> str:
        """The last lines that were logged since the last launch."""
        return tail(self.log_path, self._log_start, lines)

    def start(self) -> None:
        """Prepare, launch and wait until the engine serves. Raises EngineStartError."""
        self.prepare()
        self.launch()
        self.wait_ready()

    def launch(self) -> None:
        """Start the process in the calling thread, which must live as long as the engine should."""
        if self.pid is not None:
            return
        self._end_leftover()
        for folder in (self.log_path.parent, self._pid_path.parent):
            folder.mkdir(parents=True, exist_ok=True)
        self.start_seconds = None
        self._launched_at = time.monotonic()
        with open_log(self.log_path) as log:
            self._log_start = log.tell()
            self._process = self._spawn(self.launch_spec(), log)
        with suppress(psutil.NoSuchProcess):  # it ended at once; `wait_ready` says so
            created = psutil.Process(self._process.pid).create_time()
            atomic_file.replace(self._pid_path, f"{self._process.pid} {created}".encode())

    def wait_ready(self) -> None:
        """Block until `probe` succeeds. Raises EngineStartError when the process ends or the time is up."""
        said = time.monotonic()
        while not self._answers():
            waited = time.monotonic() - self._launched_at
            if self.pid is None:
                raise EngineStartError(self._trouble(f"ended while starting, after {waited:.1f} s"))
            if waited > self.start_timeout_s:
                self.kill()
                raise EngineStartError(self._trouble(f"did not answer within {self.start_timeout_s:.0f} s"))
            if time.monotonic() - said >= HEARTBEAT_S:
                said = time.monotonic()
                self.context.progress(f"{self.name}: starting ({waited:.0f} s)")
            time.sleep(PROBE_INTERVAL_S)
        self.start_seconds = time.monotonic() - self._launched_at

    def stop(self) -> None:
        """Stop the engine, and kill it if it takes longer than `stop_timeout_s`. Safe to repeat."""
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(self.stop_signal)
            try:
                process.wait(self.stop_timeout_s)
            except subprocess.TimeoutExpired:
                self.context.progress(f"{self.name}: did not stop within {self.stop_timeout_s:.0f} s; killing it")
                self.kill()
        self._forget()

    def kill(self) -> None:
        """SIGKILL the engine and its children at once, as a crash would; data stays. Returns when all are gone."""
        if self._process is not None and self._process.poll() is None:
            kill_tree(psutil.Process(self._process.pid))
            self._process.wait()
        self._forget()

    def restart(self) -> None:
        """Stop cleanly, then start on the same address."""
        self.stop()
        self.start()

    def _answers(self) -> bool:
        try:
            return self.probe()
        except OSError:
            return False

    def _spawn(self, launch: Launch, log: IO[bytes]) -> subprocess.Popen[bytes]:
        death_signal = self.stop_signal if self.context.durable else signal.SIGKILL
        return subprocess.Popen(
            guarded(launch.argv, death_signal, launch.user),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **launch.env},
            cwd=launch.cwd or self.home,
            start_new_session=True,  # Ctrl-C goes to the parent alone, which stops roles before engines
        )

    def _end_leftover(self) -> None:
        """Kill the engine of an earlier parent that could not do so (kill -9 where the kernel has no death signal)."""
        if not self._pid_path.exists():
            return
        try:
            pid, created = map(float, self._pid_path.read_text().split())
        except ValueError:
            self.context.warn(f"{self._pid_path} is damaged, so it names no process; it is made again")
            self._forget()
            return
        try:
            process = psutil.Process(int(pid))
            if process.create_time() == created:
                process.send_signal(self.stop_signal)
                try:
                    process.wait(self.stop_timeout_s)
                except psutil.TimeoutExpired:
                    kill_tree(process)
                    process.wait(self.stop_timeout_s)
        except psutil.NoSuchProcess:
            pass
        self._forget()

    def _forget(self) -> None:
        self._process = None
        self._pid_path.unlink(missing_ok=True)

    def _trouble(self, what: str) -> str:
        last = self.log_tail().replace("\n", "\n  ")
        return f"{self.name} {what}. Its log is {self.log_path}; the last lines:\n  {last}"


def guarded(argv: Sequence[str], death_signal: signal.Signals, user: tuple[int, int] | None = None) -> list[str]:
    """The command that runs `argv` as `user`, and sends it `death_signal` when the thread that starts it ends."""
    uid, gid = user or ("-", "-")
    options = [str(os.getpid()), str(int(death_signal)), str(uid), str(gid)]
    return [sys.executable, "-I", "-S", str(GUARD), *options, *argv]


def open_log(path: Path) -> IO[bytes]:
    """Open a log for appending; a long one becomes `<name>.log.1` first."""
    if path.exists() and path.stat().st_size > LOG_KEEP_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return path.open("ab")


def tail(path: Path, start: int, lines: int) -> str:
    """The last lines of a log from an offset on; none when there is no log."""
    try:
        with path.open("rb") as log:
            log.seek(start)
            return "\n".join(log.read().decode("utf-8", "replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""


def kill_tree(process: psutil.Process) -> None:
    """SIGKILL a process and its descendants, and wait until the descendants are gone."""
    victims = process.children(recursive=True)
    for victim in (process, *victims):
        try:
            victim.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(victims, timeout=5)
