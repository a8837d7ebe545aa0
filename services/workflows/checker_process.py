"""A child process that checks documents, started when the first one comes and killed when one takes too long."""

import subprocess
import sys
import time
import weakref
from pathlib import Path
from threading import Timer
from typing import IO

from schemas.errors import InvalidSpec, Problem, Unavailable
from services.workflows.check_requests import Check, Parse, ReadDocument, Refusal
from services.workflows.checker import read, write
from services.workflows.resolver import Plan

#: Where ``-m`` finds the package, whatever the directory of this process is.
_ROOT = Path(__file__).resolve().parents[2]
_MODULE = "services.workflows.checker"


class CheckerProcess:
    """Asks the child; every method blocks, and one thread at a time may call them.

    ``limit_s`` is the longest time of one request, its answer's way back included.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._process: subprocess.Popen[bytes] | None = None
        self._ends: weakref.finalize[[subprocess.Popen[bytes]], CheckerProcess] | None = None

    def ask(self, request: Parse | Check) -> ReadDocument | Plan:
        """Return the answer.

        Raises ``InvalidSpec``, also for a document over the time limit, ``TooLarge``, and ``Unavailable`` when the
        child has ended otherwise: the same request may succeed.
        """
        process = self._started()
        watch = Timer(self._limit_s, process.kill)
        watch.daemon = True
        began = time.monotonic()
        watch.start()
        try:
            found = _asked(process, request)
        except (EOFError, OSError) as exc:
            self.close()
            raise self._ended(time.monotonic() - began) from exc
        finally:
            watch.cancel()
        if isinstance(found, Refusal):
            raise found.error()
        if not isinstance(found, ReadDocument | Plan):
            raise TypeError(f"{type(found).__name__} is no answer of the checker")
        return found

    def close(self) -> None:
        """Kill the child; the next request starts another."""
        self._process = None
        if self._ends is not None:
            self._ends()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            self.close()
        if self._process is None:
            command = [sys.executable, "-m", _MODULE]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=_ROOT)
            # An owner that is dropped without being closed leaves no process behind.
            self._ends = weakref.finalize(self, _end, self._process)
        return self._process

    def _ended(self, after_s: float) -> InvalidSpec | Unavailable:
        if after_s < self._limit_s:
            return Unavailable("checker", "the process that checks documents has ended; repeat the request")
        fix = "split the workflow into smaller ones that it runs"
        return InvalidSpec((Problem("", f"the document takes over {self._limit_s:g} s to check", fix),))


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            _discard(stream)


def _asked(process: subprocess.Popen[bytes], request: Parse | Check) -> object:
    if process.stdin is None or process.stdout is None:
        raise EOFError
    write(process.stdin, request)
    return read(process.stdout)


def _discard(stream: IO[bytes]) -> None:
    """Close a pipe; what waits in it for a killed process cannot be written any more."""
    try:
        stream.close()
    except OSError:
        return
