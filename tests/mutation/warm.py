"""``python -m tests.mutation.warm MODULES``: has imported what is foreign, and forks itself for each job.

Jobs come as JSON lines on standard input, answers go to standard output. A job is a list of tests, or seeds of the
simulation, on the tree of the working directory as it is at that moment: nothing that may be mutated is imported here.
"""

import importlib
import json
import os
import resource
import select
import signal
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

#: By the rule of imports these never import what is mutated.
OURS = ("schemas", "topics")
#: Bytes of data that a mutant may have: a loop without an end takes them all.
MOST_DATA = 4 << 30
OUTPUT = "mutant-output.txt"


def main(argv: list[str]) -> int:
    """Serve jobs until standard input ends."""
    answers, quiet = os.fdopen(os.dup(1), "w"), os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    _import_all(json.loads(Path(argv[1]).read_text(encoding="utf-8")))
    for line in sys.stdin:
        job = json.loads(line)
        answer = in_fork(lambda tell, job=job: _do(job, tell), job["limit_s"])
        print(json.dumps(answer), file=answers, flush=True)
    return 0


def _import_all(names: list[str]) -> None:
    sys.path.insert(0, str(Path.cwd()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in names:
            if name.partition(".")[0] not in ("tests", "coverage"):
                try:
                    importlib.import_module(name)
                except Exception:  # noqa: BLE001 - then the tests import it themselves
                    continue


def in_fork(work: Callable[[Callable[[str], None]], dict[str, Any]], limit_s: float) -> dict[str, Any]:
    """Return what ``work`` returns in a fork of this process.

    ``work`` gets a function to tell what it is at. When the fork dies, or ``limit_s`` seconds pass, the outcome is
    ``died`` or ``timeout`` with what it was at; nothing of it is left.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reading)
        _be_the_fork(work, writing)
    os.close(writing)
    try:
        lines, in_time = _read(reading, time.monotonic() + limit_s)
    finally:
        os.close(reading)
        _end(pid)
    last = json.loads(lines[-1]) if lines else {}
    if "outcome" in last:
        return dict(last)
    return {"outcome": "died" if in_time else "timeout", "by": last.get("at", "")}


def _be_the_fork(work: Callable[[Callable[[str], None]], dict[str, Any]], writing: int) -> None:
    """Work, answer and end; never returns."""
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_DATA, (MOST_DATA, MOST_DATA))
        output = os.open(OUTPUT, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        for stream in (1, 2):
            os.dup2(output, stream)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.dont_write_bytecode = True
        answer = work(lambda at: _write(writing, {"at": at}))
        _write(writing, answer)
    finally:
        os._exit(0)


def _write(descriptor: int, value: dict[str, Any]) -> None:
    os.write(descriptor, json.dumps(value).encode() + b"\n")


def _read(descriptor: int, deadline: float) -> tuple[list[bytes], bool]:
    """Return the whole lines, and whether the other end was closed before the deadline."""
    text = b""
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([descriptor], [], [], left)[0]:
            break
        if not (found := os.read(descriptor, 65_536)):
            return text.split(b"\n")[:-1], True
        # Only the last line matters, and a long run tells thousands.
        text = b"\n".join([*(text + found).split(b"\n")[-2:]])
        if b'"outcome"' in text and text.endswith(b"\n"):
            return text.split(b"\n")[:-1], True
    return text.split(b"\n")[:-1], False


def _end(pid: int) -> None:
    """Kill the fork with what it started; its engines end with it."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        os.kill(pid, signal.SIGKILL)  # it has not come to its session yet
    os.waitpid(pid, 0)


def _do(job: dict[str, Any], tell: Callable[[str], None]) -> dict[str, Any]:
    if "tests" in job:
        from tests.mutation.running import run_tests

        return run_tests(job["tests"], tell)
    from tests.mutation.running import run_seeds

    return run_seeds(job["seeds"], tell)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
