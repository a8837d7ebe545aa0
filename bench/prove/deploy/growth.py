"""Lines of growth: ``python -m tests.chaos.growth`` in a process of its own, topics of runs that grow under load."""

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from bench.lines import Line
from bench.prove.area import Aim, at_most, line_of
from deploy.local.engines.progress import Progress
from deploy.local.roles import ROOT

#: Runs after the growth.
FULL, SHORT = "1000", "40"

AIMS = (
    Aim("growth_lost_or_doubled", "runs", at_most(0), at_most(0)),
    Aim("growth_money_difference", "nano-dollars", at_most(0), at_most(0)),
    Aim("growth_until_taken_s", "s", at_most(60), at_most(30)),
)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Grow once. Raises ``ValueError`` when it did not come to its end."""
    progress("deploy: topics of runs grow under load, and the command is killed halfway")
    command = [sys.executable, "-m", "tests.chaos.growth", SHORT if quick else FULL]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return lines_of(figures_of(done.stdout, done.stderr))


def figures_of(out: str, err: str) -> dict[str, Any]:
    """Return the figures, the last line. Raises ``ValueError`` with what was said when there are none."""
    lines = [line for line in out.splitlines() if line.startswith('{"runs"')]
    if not lines:
        raise ValueError(f"the growth did not come to its end: {(err or out)[-2_000:]}")
    figures: dict[str, Any] = json.loads(lines[-1])
    return figures


def lines_of(figures: dict[str, Any]) -> list[Line]:
    """Return the lines. What else went wrong counts as a run."""
    how = f"{figures['runs']:,} runs, {figures['new']:,} placed among twice as many partitions"
    said = "; ".join(figures["problems"]) or how
    wrong = max(figures["lost"] + figures["doubled"], len(figures["problems"]))
    return [
        line_of(AIMS, "growth_lost_or_doubled", wrong, said),
        line_of(AIMS, "growth_money_difference", figures["money_nano"], how),
        line_of(AIMS, "growth_until_taken_s", figures["grown_s"], "the command, with its start, to the last partition"),
    ]
