"""What became of each mutant, one JSON line each, and whether a line still holds.

A kill holds while the mutated file and what noticed it (a test's file, or the simulation) are as they were; a mutant
that lived is tried again when any source or test has changed. A later line replaces an earlier one of the same name.
"""

import json
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.mutation.mutant import Mutant
from tests.mutation.running import SIMULATION
from tests.mutation.tree import digest

KILLED, SURVIVED, TIMEOUT, DIED = "killed", "survived", "timeout", "died"


@dataclass(frozen=True)
class Result:
    """``outcome`` of the mutant called ``name``; ``by`` is what noticed it. The hashes say what it depends on."""

    name: str
    path: str
    outcome: str
    by: str
    source: str
    witness: str
    seconds: float

    @property
    def is_killed(self) -> bool:
        """A mutant that hangs or dies is noticed too."""
        return self.outcome != SURVIVED


class Results:
    """The file of results below ``folder``, read once and appended to. Safe to use from several threads."""

    def __init__(self, folder: Path, root: Path, tree: str) -> None:
        self._path, self._root, self._tree = folder / "results.jsonl", root, tree
        self._lock = threading.Lock()
        self._found = {result.name: result for result in _read(self._path)}
        self._digests: dict[str, str] = {}

    def get(self, mutant: Mutant) -> Result | None:
        """Return the result that still holds, if there is one."""
        found = self._found.get(mutant.name)
        if found is None or found.source != self._digest(mutant.path):
            return None
        return found if found.witness == self._witness(found.outcome, found.by) else None

    def add(self, mutant: Mutant, outcome: str, by: str, seconds: float) -> Result:
        """Keep a result."""
        source, witness = self._digest(mutant.path), self._witness(outcome, by)
        result = Result(mutant.name, mutant.path, outcome, by, source, witness, round(seconds, 2))
        with self._lock:
            self._found[result.name] = result
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(result)) + "\n")
        return result

    def _witness(self, outcome: str, by: str) -> str:
        if outcome == SURVIVED or not by:
            return self._tree
        if by == SIMULATION:
            names = (path.relative_to(self._root).as_posix() for path in (self._root / "tests/simulation").glob("*.py"))
            return digest(self._root, names)
        return self._digest(by.partition("::")[0])

    def _digest(self, path: str) -> str:
        if path not in self._digests:
            self._digests[path] = digest(self._root, [path])
        return self._digests[path]


def _read(path: Path) -> list[Result]:
    if not path.is_file():
        return []
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            found.append(Result(**json.loads(line)))
        except (ValueError, TypeError):  # a run that was killed while it wrote
            continue
    return found
