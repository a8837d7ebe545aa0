"""Which tests run a mutated line: recorded once for a state of the tree."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.mutant import Mutant

TESTS = ("tests/unit", "tests/contract")
#: Its tests look at the checkout as a whole, or at this command itself.
LEFT_OUT = ("tests/unit/mutation", "tests/unit/docs", "tests/unit/bench", "tests/unit/chaos", "tests/unit/deploy")


class RecordError(Exception):
    """The tests could not be recorded. The message holds the end of their output."""


@dataclass(frozen=True)
class CoverageMap:
    """Seconds of every test that passed, the tests of every line, and the foreign modules that they import."""

    seconds: dict[str, float]
    lines: dict[str, dict[int, frozenset[str]]]
    modules: tuple[str, ...]

    def tests_for(self, mutant: Mutant, root: Path) -> list[str]:
        """Return the tests that can notice a mutant, the fastest first."""
        if mutant.path.endswith(".lua"):
            scripts = _scripts_with(root / mutant.path)
            return self._ordered({test for script in scripts for test in self._tests_of_script(script.stem, root)})
        by_line = self.lines.get(mutant.path, {})
        first, last = mutant.edit.lines
        found = {name for line in range(first, last + 1) for name in by_line.get(line, ())}
        if mutant.edit.at_import:
            found = {name for names in by_line.values() for name in names}
        return self._ordered(found)

    def _tests_of_script(self, stem: str, root: Path) -> set[str]:
        """Return the tests of each module of ``connectors/redis`` that names the script."""
        users = [name for name in self.lines if name.startswith("connectors/redis/") and _names(root / name, stem)]
        return {test for user in users for names in self.lines[user].values() for test in names}

    def _ordered(self, names: Iterable[str]) -> list[str]:
        there = [name for name in names if name in self.seconds]
        return sorted(there, key=lambda name: (self.seconds[name], name))


def _scripts_with(path: Path) -> set[Path]:
    """Return the scripts that a file of Lua is part of: itself, or all that include the fragment."""
    if path.parent.name != "include":
        return {path}
    line = f"-- include: {path.name}"
    users = (one for one in path.parents[1].rglob("*.lua") if line in one.read_text(encoding="utf-8").splitlines())
    return {script for user in users for script in _scripts_with(user)}


def _names(path: Path, stem: str) -> bool:
    return path.is_file() and f'"{stem}' in path.read_text(encoding="utf-8")


def record(tree: Path, folder: Path) -> None:
    """Run the tests in ``tree`` and write what they run to ``folder``. Raises ``RecordError``."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.mutation.recorder", "--hypothesis-seed=0"]
    command += [*(name for name in TESTS if (tree / name).is_dir()), *(f"--ignore={name}" for name in LEFT_OUT)]
    environment = os.environ | {"MUTATION_RECORD": str(folder)}
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    (folder / "output.txt").write_text(done.stdout + done.stderr, encoding="utf-8")
    if done.returncode not in (0, 1):  # a test that fails here kills no mutant: it is left out
        raise RecordError(
            f"pytest ended with exit code {done.returncode}:\n{done.stdout[-2_000:]}{done.stderr[-2_000:]}"
        )


def load(folder: Path) -> CoverageMap:
    """Read what ``record`` wrote. Raises ``FileNotFoundError``."""
    found = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    names = [name for name, _ in found["tests"]]
    lines = {
        path: {int(line): frozenset(names[place] for place in places) for line, places in by_line.items()}
        for path, by_line in found["lines"].items()
    }
    return CoverageMap(dict(found["tests"]), lines, tuple(found["modules"]))
