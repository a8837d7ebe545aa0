"""The line of planted mistakes: each loses a label in one place, and is caught."""

from collections.abc import Sequence

from bench.lines import Line
from bench.prove.area import Aim, at_least
from bench.tested import run_tests
from deploy.local.engines.progress import Progress

#: Cache, retry, fan-in, child run, signal, fork, dead-letter retry, restart.
PLACES = 8
_TESTS = "tests/simulation/test_label_mistakes.py"

AIMS = (Aim("label_mistakes_caught", "mistakes", at_least(PLACES), at_least(PLACES)),)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Plant them, in all sizes. Raises ``BenchError``."""
    del quick
    progress("flow: mistakes that lose a label, one in each place")
    found = run_tests(_TESTS)
    missed = "; ".join(f"{name}: {why[:200]}" for name, why in found.failed.items())
    return [Line("label_mistakes_caught", "mistakes", (float(found.passed),), missed or f"of {PLACES} places")]
