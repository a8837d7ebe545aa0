"""Lines of the area ``surface``: how soon ``agentctl --help`` is there, and which problems its doctor names."""

import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from statistics import median

from agentflow.cli.doctor.checks import found

from bench.lines import BenchError, Line
from bench.prove.area import Aim, at_least, at_most
from bench.surface.ctl_problems import HEALTHY, PLANTED
from deploy.local.engines.progress import Progress
from deploy.local.roles import ROOT

AIMS = (
    Aim("agentctl_help_over_click", "x", at_most(1.5), at_most(1.2)),
    Aim("doctor_problems_named", "problems", at_least(16), at_least(16)),
)
#: The smallest app of click that has a command and a version.
_BARE = """
import click
@click.group()
@click.version_option("0.1.0")
def main(): "A bare app."
@main.command()
def one(): "One command."
main()
"""
_AGENTCTL = "from agentflow.cli.main import run; run()"
PAIRS, QUICK_PAIRS = 21, 7


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Start both programs in turns, and plant each problem."""
    pairs = QUICK_PAIRS if quick else PAIRS
    progress(f"agentctl: --help beside a bare click app, {pairs} times each")
    ratio = help_over_click(pairs)
    named = [name for name, facts in PLANTED.items() if name in {check.name for check, _ in found(facts)}]
    if found(HEALTHY):
        raise BenchError("the doctor finds a problem in a healthy system")
    return [
        Line("agentctl_help_over_click", "x", (ratio,), f"CPU time, the median of {pairs} pairs"),
        Line("doctor_problems_named", "problems", (float(len(named)),), f"of {len(PLANTED)} that are planted"),
    ]


def help_over_click(pairs: int) -> float:
    """Return the median of pairs: CPU time of ``agentctl --help`` over that of a bare click app."""
    _cpu_s(_BARE), _cpu_s(_AGENTCTL)  # they compile modules once
    return median([_cpu_s(_AGENTCTL) / _cpu_s(_BARE) for _ in range(pairs)])


def _cpu_s(program: str) -> float:
    """Return the CPU time of a program: a loaded machine changes it less than time on the wall."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "sdk")}
    # Without `site`, whose start files differ between environments; both programs import from the same places.
    paths = os.pathsep.join(path for path in sys.path if path.endswith("site-packages"))
    env["PYTHONPATH"] += os.pathsep + paths
    done = subprocess.run([sys.executable, "-S", "-c", program, "--help"], env=env, capture_output=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"--help failed: {done.stderr.decode(errors='replace')[-300:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
