"""The process with the worlds, and its client."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from bench.agentdojo.environment import python_of
from bench.lines import BenchError
from bench.results import ROOT

Json = dict[str, Any]
#: The suite that needs no package.
TINY = "tiny"


class Worlds:
    """Serves the worlds of suites while it is entered. ``address`` is ``host:port``."""

    def __init__(self, suites: Sequence[str], log: Path) -> None:
        self._suites = suites
        self._log = log

    def __enter__(self) -> Self:
        python = sys.executable if set(self._suites) <= {TINY} else str(python_of())
        command = [python, "-m", "bench.agentdojo.world", *self._suites]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore", "PYTHONHASHSEED": "0"},
            )
        assert self._process.stdout is not None
        port = self._process.stdout.readline().strip()
        if not port:
            raise BenchError(f"the worlds did not start:\n{self._log.read_text('utf-8')[-1_000:]}")
        self.address = f"127.0.0.1:{int(port)}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        # The end of its input is the end of the process.
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    async def ask(self, http: aiohttp.ClientSession, path: str, **body: Any) -> Any:
        """Ask the worlds. Raises ``BenchError``."""
        async with http.post(f"http://{self.address}/{path}", json=body) as answer:
            if answer.status != 200:
                raise BenchError(f"the worlds answered {answer.status} to {path}: {(await answer.text())[:300]}")
            return await answer.json()
