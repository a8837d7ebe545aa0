"""Lines of real runs under policies: workers that are killed, and a document that carries an order."""

from collections.abc import Sequence

from bench.lines import Line
from bench.prove.area import Aim, at_most
from bench.tested import run_tests
from deploy.local.engines.progress import Progress

KILLS, QUICK_KILLS = 50, 5
_KILLED = "tests/integration/chaos/test_policy_kills.py::test_a_worker_that_is_killed_decides_the_same_again[{}]"
_MODERATION = "tests/integration/system/test_moderation_policy.py"

AIMS = (
    Aim("killed_verdicts_failed", "tests", at_most(0), at_most(0)),
    Aim("moderation_failed", "tests", at_most(0), at_most(0)),
)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Kill workers between a decision and its effect, and moderate a document with an order. Raises ``BenchError``."""
    kills = QUICK_KILLS if quick else KILLS
    progress(f"flow: {kills} times kill -9 of the worker between decision and effect")
    killed = run_tests(_KILLED.format(kills))
    progress("flow: a document that says to mail this to somebody")
    moderated = run_tests(_MODERATION)
    first = "; ".join(f"{name}: {why[:200]}" for name, why in killed.failed.items())
    note = f"{kills} kills, 4 runs before each: one verdict, the same labels, one effect or none"
    return [
        Line("killed_verdicts_failed", "tests", (float(len(killed.failed)),), f"{note}; {first}" if first else note),
        Line("moderation_failed", "tests", (float(len(moderated.failed)),), f"{moderated.passed} passed"),
    ]
