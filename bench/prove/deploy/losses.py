"""Lines of losses: ``python -m tests.chaos.ha`` in a process of its own, for each kind of Redis with several servers.

Promises that were broken, of whatever judge, and the longest time without a result in a partition that had work to do.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from bench.lines import Line
from bench.prove.area import Aim, at_most, line_of
from deploy.local.engines.progress import Progress
from deploy.local.roles import ROOT

KINDS = ("cluster", "sentinel")
#: Of all rounds; of a short form.
FULL: Sequence[str] = ()
SHORT = ("--brokers=1", "--redis-kills=1", "--postgres=1", "--clickhouse-s=5", "--nats=0", "--in-flight=30")
SEED = "--seed=14"

AIMS = tuple(
    aim
    for kind in KINDS
    for aim in (
        Aim(f"losses_broken_promises_{kind}", "violations", at_most(0), at_most(0)),
        Aim(f"losses_longest_stall_s_{kind}", "s", at_most(15), at_most(6)),
    )
)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Play the rounds. Raises ``ValueError`` when a session did not come to its end."""
    return [line for kind in KINDS for line in _lines(kind, SHORT if quick else FULL, progress)]


def _lines(kind: str, options: Sequence[str], progress: Progress) -> list[Line]:
    progress(f"deploy: losses of brokers, masters of Redis ({kind}) and stores under load")
    command = [sys.executable, "-m", "tests.chaos.ha", "--redis", kind, SEED, *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return lines_of(kind, figures_of(done.stdout, done.stderr))


def figures_of(out: str, err: str) -> dict[str, Any]:
    """Return the figures of a session, its last line. Raises ``ValueError`` with what it said when there are none."""
    lines = [line for line in out.splitlines() if line.startswith('{"redis"')]
    if not lines:
        raise ValueError(f"the session did not come to its end: {(err or out)[-2_000:]}")
    figures: dict[str, Any] = json.loads(lines[-1])
    return figures


def lines_of(kind: str, figures: dict[str, Any]) -> list[Line]:
    """Return the lines of one kind's figures."""
    broken = sum(figures["violations"].values())
    kills, ended = figures["faults"].get("kill", 0), sum(figures["ended"].values())
    how = f"{kills} kills, {ended:,} runs ended, {figures['seconds']} s"
    said = ", ".join(figures["violations"]) or how
    return [
        line_of(AIMS, f"losses_broken_promises_{kind}", broken, said),
        line_of(AIMS, f"losses_longest_stall_s_{kind}", figures["longest_pause_s"], how),
    ]
