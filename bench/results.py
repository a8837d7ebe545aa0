"""Results files: a run of the bench writes one to ``bench/results/``, and reads the committed ones.

A file holds figures and as much of the machine as one needs to read them: never its name nor a path.
"""

import os
import platform
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from bench.lines import Earlier, Line
from bench.targets import TARGETS, has_regressed, verdict
from bench.usage import Elsewhere

ROOT = Path(__file__).resolve().parents[1]
FOLDER = "bench/results"
GIT_TIMEOUT_S = 10
#: Shares of the CPU time above which figures are not trustworthy.
STEAL_MOST, OTHERS_MOST = 0.05, 0.20


@dataclass(frozen=True)
class Machine:
    """The machine in a run: cores this process may use, Python's version, the load average of the minute before, and
    the shares of CPU time that the host stole and that other processes took."""

    cores: int
    python: str
    load_at_start: float | None
    cpu_steal_share: float | None
    cpu_others_share: float | None

    def warnings(self) -> list[str]:
        """Return the reasons to doubt the figures, in words."""
        steal, others = self.cpu_steal_share or 0.0, self.cpu_others_share or 0.0
        found = [f"the host took {steal:.0%} of the CPU time (steal)"] if steal > STEAL_MOST else []
        return found + ([f"other processes took {others:.0%} of the CPU time"] if others > OTHERS_MOST else [])

    def __str__(self) -> str:
        """Return it as one line."""
        told = f"{self.cores} cores, Python {self.python}"
        if self.load_at_start is not None:
            told += f", load average at the start {self.load_at_start:.2f}"
        if self.cpu_steal_share is None or self.cpu_others_share is None:
            return told
        return f"{told}, CPU steal {self.cpu_steal_share:.1%}, taken by other processes {self.cpu_others_share:.1%}"


def this_machine(elsewhere: Elsewhere | None, load_at_start: float | None) -> Machine:
    """Describe this machine."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    shares = (None, None) if elsewhere is None else (round(elsewhere.steal, 4), round(elsewhere.others, 4))
    return Machine(cores, platform.python_version(), load_at_start, *shares)


class History:
    """The results that are committed in a checkout; none where there is no git."""

    def __init__(self, root: Path = ROOT) -> None:
        self._root = root

    def revision(self) -> str:
        """Return the short hash of the commit that is measured, or ``worktree`` when files differ from it."""
        changed = self._git("status", "--porcelain", "--", ".", f":!{FOLDER}")
        found = self._git("rev-parse", "--short", "HEAD")
        return "worktree" if changed is None or changed.strip() or not found else found.strip()

    def earlier(self, names: Sequence[str]) -> dict[str, Earlier]:
        """Return each line from the newest committed file that has it. A file's age is its own recorded time."""
        found: dict[str, Earlier] = {}
        for name, document in sorted(self._documents(), key=lambda d: d[1]["at"], reverse=True):
            for line in document["lines"]:
                if line["name"] in names:
                    found.setdefault(line["name"], Earlier(line["value"], name))
        return found

    def _documents(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for path in (self._git("ls-tree", "--name-only", "HEAD", f"{FOLDER}/") or "").split():
            if path.endswith(".json") and (text := self._git("show", f"HEAD:{path}")):
                yield Path(path).name, orjson.loads(text)

    def _git(self, *args: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", *args],  # noqa: S607 - git is wherever the user has it
                cwd=self._root,
                capture_output=True,
                text=True,
                timeout=GIT_TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout if done.returncode == 0 else None


def file_name(at: datetime, revision: str) -> str:
    """Return a results file's name; ``at`` is an aware time."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H%M%SZ}-{revision}.json"


class Taken(NamedTuple):
    """Which revision was measured, and when; ``at`` is an aware time."""

    revision: str
    at: datetime


def write(
    folder: Path,
    lines: Sequence[Line],
    machine: Machine,
    earlier: Mapping[str, Earlier],
    taken: Taken,
    failures: Sequence[str] = (),
) -> Path:
    """Write a results file and return its path. ``failures`` say what has no line, and why."""
    revision, at = taken
    document = {
        "at": at.astimezone(UTC).isoformat(timespec="seconds"),
        "revision": revision,
        "machine": machine,
        "warnings": machine.warnings(),
        "failures": list(failures),
        "lines": [_as_json(line, earlier.get(line.name)) for line in lines],
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / file_name(at, revision)
    path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    return path


def _as_json(line: Line, earlier: Earlier | None) -> dict[str, object]:
    shown: dict[str, object] = {
        "name": line.name,
        "value": round(line.value, 4),
        "unit": line.unit,
        "samples": [round(sample, 4) for sample in line.samples],
    }
    if line.note:
        shown["note"] = line.note
    if (target := TARGETS.get(line.name)) and (found := verdict(line)):
        shown |= {"floor": target.floor, "goal": target.goal, "verdict": found.value}
    if earlier is not None and earlier.value:
        shown |= {"ratio": round(line.value / earlier.value, 4), "compared_with": earlier.file}
    if has_regressed(line, earlier):
        shown["regression"] = True
    return shown
