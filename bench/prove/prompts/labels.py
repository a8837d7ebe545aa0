"""Line of the area ``prompts`` for labels: how long a process uses the version that a label named before its move."""

import re
import subprocess
import sys
from collections.abc import Sequence

from bench.lines import BenchError, Line
from bench.prove.area import Aim, at_most
from bench.results import ROOT
from deploy.local.engines.progress import Progress

AIMS = (Aim("label_moved_s", "s", at_most(5), at_most(1)),)
MOVES, QUICK_MOVES = 10, 2


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Move a label while several processes handle runs that name it. Raises ``BenchError``."""
    progress("prompts: a label is moved while 4 processes use it")
    moves = QUICK_MOVES if quick else MOVES
    command = [sys.executable, "-m", "tests.label_moves", str(moves)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    found = re.search(r"^(\d+) ms$", done.stdout, re.MULTILINE)
    if found is None:
        raise BenchError(f"tests.label_moves cannot be run:\n{done.stderr[-1_000:]}")
    return [Line("label_moved_s", "s", (int(found[1]) / 1000,), f"the longest of 4 processes and {moves} moves")]
