"""The line of the area ``calls`` for faults of providers: the table of the tests, played against local servers."""

import re
import subprocess
import sys
from collections.abc import Sequence

from bench.lines import BenchError, Line
from bench.prove.area import Aim, at_least
from bench.results import ROOT
from deploy.local.engines.progress import Progress

AIMS = (Aim("provider_fault_cases", "%", at_least(100), at_least(100)),)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Play every case, of a quick run those of one wire: class, money and time must be right."""
    progress("providers: every fault on every wire")
    command = [sys.executable, "-m", "tests.provider_faults", *(["openai"] if quick else [])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    said = re.search(r"^(\d+) of (\d+)$", done.stdout, re.MULTILINE)
    if said is None:
        raise BenchError(f"the faults of providers cannot be played:\n{done.stderr[-1_000:]}")
    right, cases = int(said[1]), int(said[2])
    if right < cases:
        progress(done.stderr[-1_000:])
    return [Line("provider_fault_cases", "%", (100 * right / cases,), f"{right} of {cases} right")]
