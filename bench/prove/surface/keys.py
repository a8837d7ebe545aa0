"""Lines of the area ``surface`` for access: the matrix of keys, forged tokens, generated requests, a revoked key."""

import re
import subprocess
import sys
from collections.abc import Sequence

from bench.lines import BenchError, Line
from bench.prove.area import Aim, at_most
from bench.results import ROOT
from deploy.local.engines.progress import Progress

AIMS = (
    Aim("key_matrix_leaks", "leaks", at_most(0), at_most(0)),
    Aim("oidc_forgeries_passed", "tokens", at_most(0), at_most(0)),
    Aim("schemathesis_5xx", "answers", at_most(0), at_most(0)),
    Aim("schemathesis_undocumented", "answers", at_most(0), at_most(0)),
    Aim("key_revoked_s", "s", at_most(5), at_most(5)),
)
EXAMPLES, QUICK_EXAMPLES = 25, 3


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Try all operations with all callers, forge tokens, generate requests, and revoke a key."""
    progress("keys: every operation with every caller")
    leaks, tries, operations = _said(r"(\d+) leaks, (\d+) tries of (\d+) operations", "tests.key_matrix")
    progress("keys: forged tokens")
    passed, forgeries = _said(r"(\d+) of (\d+) passed", "tests.oidc")
    progress("keys: generated requests")
    examples = QUICK_EXAMPLES if quick else EXAMPLES
    faults, undocumented, requests = _said(
        r"(\d+) 5xx, (\d+) undocumented, (\d+) requests", "tests.fuzz", str(examples)
    )
    progress("keys: a revoked key in another process")
    (revoked_ms,) = _said(r"(\d+) ms", "tests.key_matrix", "revoked")
    note = f"{examples} examples an operation, {requests} requests"
    return [
        Line("key_matrix_leaks", "leaks", (leaks,), f"{tries} tries of {operations} operations"),
        Line("oidc_forgeries_passed", "tokens", (passed,), f"of {forgeries}"),
        Line("schemathesis_5xx", "answers", (faults,), note),
        Line("schemathesis_undocumented", "answers", (undocumented,), note),
        Line("key_revoked_s", "s", (revoked_ms / 1000,), "the longest of 4 processes that had just used the key"),
    ]


def _said(pattern: str, *command: str) -> tuple[int, ...]:
    """Return the numbers that a program of the tests says. Raises ``BenchError`` when it says none."""
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    found = re.search(rf"^{pattern}$", done.stdout, re.MULTILINE)
    if found is None:
        raise BenchError(f"{command[0]} cannot be run:\n{done.stderr[-1_000:]}")
    return tuple(map(int, found.groups()))
