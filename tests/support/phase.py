"""Runs one phase of the tests and watches it: ``python -m tests.support.phase [--retry-failed N] <pytest arguments>``.

A machine may stand still, and a process may stop where no time limit of a test reaches it. A phase that prints nothing
for ``QUIET_S`` seconds says where every thread of its processes stands, is ended, and runs once more. The second time
it fails. So a hang costs minutes instead of the whole job, and is never silent.

With ``--retry-failed N``, at most N tests that failed run once more, one after the other. One that passes then is
printed as flaky: it failed beside others, and its cause is to be found. More than N failures are no bad luck.
"""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import psutil
import pytest

from tests.support.stacks import FOLDER

#: The longest single test is ended after 240 s, see ``timeout`` in pyproject.toml.
QUIET_S = 600.0
#: How long processes may take to say where they stand, and to stop.
GRACE_S = 10.0
#: Makes pytest run one test at a time, in its own process.
ALONE = ("-n", "0", "--dist", "no")
#: What ``timeout`` of coreutils exits with.
TIMED_OUT = 124


class Watched:
    """A child process whose output is passed on, with the time of its last sign of life."""

    def __init__(self, command: Sequence[str]) -> None:
        self._last = time.monotonic()
        self._stacks = tempfile.TemporaryDirectory()
        environ = os.environ | {FOLDER: self._stacks.name}
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True, env=environ)
        self._reader = threading.Thread(target=self._pass_on, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._reader.join(GRACE_S)
        self._stacks.cleanup()

    def wait(self, quiet_s: float, poll_s: float = 0.5) -> int:
        """Return its exit code, or ``TIMED_OUT`` after it was silent for ``quiet_s`` seconds and has been ended."""
        try:
            while True:
                try:
                    code = self._process.wait(poll_s)
                except subprocess.TimeoutExpired:
                    if time.monotonic() - self._last > quiet_s:
                        self._end()
                        return TIMED_OUT
                else:
                    return code
        except KeyboardInterrupt:
            # It has a session of its own, so Ctrl-C reached this process only.
            os.killpg(self._process.pid, signal.SIGINT)
            return self._process.wait()

    def _pass_on(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            while data := os.read(output.fileno(), 65_536):
                self._last = time.monotonic()
                os.write(1, data)

    def _end(self) -> None:
        everyone = [psutil.Process(self._process.pid), *psutil.Process(self._process.pid).children(recursive=True)]
        # Only those that have a file there answer with their stacks; others would die of the signal.
        for file in Path(self._stacks.name).iterdir():
            _send(psutil.Process(int(file.stem)), signal.SIGUSR1)
        time.sleep(GRACE_S)
        for file in sorted(Path(self._stacks.name).iterdir()):
            print(f"\nprocess {file.stem}:\n{file.read_text(errors='replace')}", flush=True)  # noqa: T201
        for process in everyone:
            _send(process, signal.SIGKILL)
        self._process.wait()


def run(command: Sequence[str], quiet_s: float = QUIET_S, tries: int = 2) -> int:
    """Run a command, again after it hung, and return the last exit code."""
    for left in reversed(range(tries)):
        with Watched(command) as watched:
            code = watched.wait(quiet_s)
        if code != TIMED_OUT:
            return code
        then = "it runs once more" if left else "it failed"
        print(f"\nno progress for {quiet_s:.0f} s: the phase was ended, {then}", flush=True)  # noqa: T201
    return TIMED_OUT


def retry_failed(arguments: Sequence[str], most: int) -> int:
    """Run pytest, then at most ``most`` failed tests once more, alone; return the last exit code."""
    with tempfile.TemporaryDirectory(prefix="agentflow-phase-") as folder:
        command = [sys.executable, "-m", "pytest", *arguments, "-o", f"cache_dir={folder}"]
        code = run(command)
        failed = _failed(Path(folder)) if code == pytest.ExitCode.TESTS_FAILED else []
        if not 0 < len(failed) <= most:
            return code
        print(f"\n{len(failed)} failed: they run once more, alone", flush=True)  # noqa: T201
        code = run([*command, "--last-failed", "--last-failed-no-failures", "none", *ALONE])
        left = _failed(Path(folder))
    for test in failed:
        if code in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) and test not in left:
            print(f"FLAKY {test}: failed beside others, passed alone", flush=True)  # noqa: T201
    return code


def _failed(folder: Path) -> list[str]:
    """Return the ids of the tests that failed last."""
    found = folder / "v" / "cache" / "lastfailed"
    return sorted(json.loads(found.read_bytes())) if found.exists() else []


def main(argv: Sequence[str]) -> int:
    """Run a phase from the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.phase", allow_abbrev=False)
    parser.add_argument("--retry-failed", type=int, default=0, metavar="N")
    given, arguments = parser.parse_known_args(argv)
    return retry_failed(arguments, given.retry_failed)


def _send(process: psutil.Process, sent: signal.Signals) -> None:
    with contextlib.suppress(psutil.Error):  # it may have ended meanwhile
        process.send_signal(sent)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
