"""The safety nets: planted mistakes that the simulation finds, golden histories, and the pages and commits around."""

import re
import subprocess
import sys
from pathlib import Path

from bench.lines import BenchError

SEEDS = 2_000
SUBJECT_MOST = 72
_ROW = re.compile(r"^\|.*`[^`\n]+`.*\|[ \t]*$", re.MULTILINE)
_FOUND = re.compile(r"^(\d+) of (\d+) found, by seeds up to (\d+)$", re.MULTILINE)
_MISSED = re.compile(r"^(\w+): not found$", re.MULTILINE)
_HASH = re.compile(r"^[0-9a-f]{40}$", re.MULTILINE)


def found_by_simulation(root: Path) -> tuple[int, int, list[str]]:
    """Return how many planted mistakes the simulation finds, of how many, and the names of those it does not.

    Each is played by its recorded seed, which is one of the first 2,000. Raises ``BenchError``.
    """
    done = _python(root, "-m", "tests.simulation", "--recorded")
    said = _FOUND.search(done.stdout)
    if said is None or int(said[3]) >= SEEDS:
        raise BenchError(f"the planted mistakes cannot be played:\n{(done.stdout + done.stderr)[-1_000:]}")
    return int(said[1]), int(said[2]), _MISSED.findall(done.stdout)


def golden_histories(root: Path) -> int:
    """Replay all and return how many there are. Raises ``BenchError`` when one is decided otherwise."""
    done = _python(root, "-m", "tests.histories", "replay")
    if done.returncode:
        raise BenchError(f"golden histories differ:\n{(done.stdout + done.stderr)[-1_000:]}")
    return sum(path.is_file() for path in (root / "tests/histories/recorded").iterdir())


def rows_of_where(root: Path) -> int:
    """Return how many rows with a path ``docs/where.md`` has; 0 when there is no such page."""
    page = root / "docs/where.md"
    return len(_ROW.findall(page.read_text(encoding="utf-8"))) if page.is_file() else 0


def long_subjects(root: Path) -> list[str]:
    """Return the subjects of over 72 characters since the commit of moves. Raises ``BenchError`` without git."""
    moves = _HASH.findall((root / ".git-blame-ignore-revs").read_text(encoding="utf-8"))
    command = ["git", "log", "--no-merges", "--format=%s", f"{moves[0]}..HEAD"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"git does not know the commit of moves: {done.stderr.strip()}")
    return [subject for subject in done.stdout.splitlines() if len(subject) > SUBJECT_MOST]


def _python(root: Path, *args: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, *args], cwd=root, capture_output=True, text=True, check=False)
