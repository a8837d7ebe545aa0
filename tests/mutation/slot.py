"""A copy of the tree with a warm process in it, which tries one mutant after the other."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.mutation.coverage_map import CoverageMap
from tests.mutation.mutant import Mutant
from tests.mutation.results import KILLED, SURVIVED

#: Seconds for what every run does before its first test, and how much longer tests may take than when recorded.
START_S, SLOWER = 60.0, 4.0
#: Seconds for one seed of the simulation, five times what it takes.
SEED_S = 1.0


class SlotError(Exception):
    """The warm process is gone, or the tree itself fails. The message says what to look at."""


class Slot:
    """Tries mutants in the copy ``tree``. Use it with ``with``, from one thread; ``nice`` like its parent."""

    def __init__(self, tree: Path, covered: CoverageMap, seeds: int, confirmed: set[str], broken: set[str]) -> None:
        self._tree, self._covered, self._seeds = tree, covered, seeds
        #: Tests of which it is known that they pass, or fail, in a fork on the tree as it is; shared by all slots.
        self._confirmed, self._broken = confirmed, broken
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "Slot":
        """Start the warm process."""
        modules = self._tree / ".modules.json"
        modules.write_text(json.dumps(self._covered.modules), encoding="utf-8")
        command = [sys.executable, "-m", "tests.mutation.warm", modules.name]
        self._process = subprocess.Popen(
            command, cwd=self._tree, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        return self

    def __exit__(self, *exc: object) -> None:
        """End the warm process."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.kill()
        self._process.wait()

    def attempt(self, mutant: Mutant) -> tuple[str, str]:
        """Return what became of a mutant, and what noticed it. Raises ``SlotError``.

        A test that fails on the tree as it is kills nothing: it is left out, and the others run again.
        """
        while True:
            outcome, by = self._tests_then_seeds(mutant)
            if outcome != KILLED or self._is_trusted(by):
                return outcome, by

    def _tests_then_seeds(self, mutant: Mutant) -> tuple[str, str]:
        tests = [name for name in self._covered.tests_for(mutant, self._tree) if name not in self._broken]
        with self._mutated(mutant):
            if tests:
                found = self._ask(tests)
                if found["outcome"] != SURVIVED:
                    return found["outcome"], found["by"]
            if mutant.path.endswith(".lua") or not self._seeds:  # the simulation has no Redis
                return SURVIVED, ""
            found = self._do({"seeds": self._seeds, "limit_s": START_S + SEED_S * self._seeds})
            return found["outcome"], found["by"]

    def _is_trusted(self, by: str) -> bool:
        """Return whether what noticed a mutant is quiet on the tree as it is."""
        tests = [name for name in self._covered.seconds if name == by or name.startswith(by + "::")]
        if not tests or by in self._confirmed:
            return True
        found = self._ask(tests)
        (self._confirmed if found["outcome"] == SURVIVED else self._broken).add(by)
        self._broken.update(tests if found["outcome"] != SURVIVED else ())
        return found["outcome"] == SURVIVED

    def check(self) -> None:
        """Play the simulation's seeds on the tree as it is. Raises ``SlotError`` when they do not hold."""
        if self._seeds and self._do({"seeds": self._seeds, "limit_s": START_S + SEED_S * self._seeds})["by"]:
            raise SlotError(f"the simulation fails without any mutant: see {self._tree}/mutant-output.txt")

    def _ask(self, tests: Sequence[str]) -> dict[str, Any]:
        limit = START_S + SLOWER * sum(self._covered.seconds[name] for name in tests)
        return self._do({"tests": list(tests), "limit_s": limit})

    def _do(self, job: dict[str, Any]) -> dict[str, Any]:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(job) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        if not answer:
            raise SlotError(f"the warm process in {self._tree} ended")
        return dict(json.loads(answer))

    @contextmanager
    def _mutated(self, mutant: Mutant) -> Iterator[None]:
        """Keep the edit in the tree. The file's time comes back too, so that its byte code is good again."""
        path = self._tree / mutant.path
        source, times = path.read_bytes(), path.stat()
        path.write_bytes(mutant.apply(source))
        # Byte code goes by seconds: a file that was written in the same second must not look the same.
        os.utime(path, (times.st_atime, time.time() + 10))
        try:
            yield
        finally:
            path.write_bytes(source)
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
