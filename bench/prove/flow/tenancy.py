"""Lines of the area ``flow`` for organisations: what one of three sees of another's, by generated requests."""

import re
import subprocess
import sys
from collections.abc import Sequence

from bench.lines import BenchError, Line
from bench.prove.area import Aim, at_least, at_most, line_of
from bench.results import ROOT
from deploy.local.engines.progress import Progress

AIMS = (
    Aim("tenancy_leaks", "leaks", at_most(0), at_most(0)),
    Aim("tenancy_operations", "operations", at_least(100), at_least(120)),
)
REQUESTS, QUICK_REQUESTS = 5_000, 400
_SAID = re.compile(r"^(\d+) leaks, (\d+) requests of (\d+) operations$", re.MULTILINE)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Send the requests on a system of their own. Raises ``BenchError``."""
    progress("tenancy: requests between three organisations")
    command = [sys.executable, "-m", "tests.tenancy", str(QUICK_REQUESTS if quick else REQUESTS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    found = _SAID.search(done.stdout)
    if found is None:
        raise BenchError(f"the requests cannot be sent:\n{done.stderr[-1_000:]}")
    leaks, requests, operations = map(int, found.groups())
    return [
        line_of(
            AIMS, "tenancy_leaks", leaks, f"of {requests} different requests, each about another organisation's things"
        ),
        line_of(AIMS, "tenancy_operations", operations, "that could name a thing of another organisation"),
    ]
