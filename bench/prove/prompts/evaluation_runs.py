"""Lines of the area ``prompts`` for evaluations as runs: how fast one is, its repeats, and a worker that is killed."""

from collections.abc import Sequence

from bench.lines import BenchError, Line
from bench.prove.area import Aim, at_most
from bench.tested import run_tests
from deploy.local.engines.progress import Progress

_TESTS = "tests/integration/system/test_evaluations.py"
AIMS = (
    Aim("evaluation_200_cases_s", "s", at_most(10), at_most(4)),
    Aim("evaluation_repeats_cached", "answers", at_most(0), at_most(0)),
    Aim("evaluation_reports_changed_by_kill", "reports", at_most(0), at_most(0)),
)


def measure(_quick: bool, progress: Progress) -> Sequence[Line]:
    """Evaluate on a system of its own. Raises ``BenchError`` when an evaluation does not end, or no figure came."""
    progress("prompts: 200 cases with an instant model, repeats, and kill -9 of a worker")
    found = run_tests(_TESTS)
    if "evaluation_200_cases_s" not in found.figures:
        raise BenchError(f"the evaluation of 200 cases gave no figure: {found.failed}")
    return [
        Line("evaluation_200_cases_s", "s", (found.figures["evaluation_200_cases_s"],), "instant model"),
        Line("evaluation_repeats_cached", "answers", (found.figures.get("evaluation_repeats_cached", 1.0),)),
        Line(
            "evaluation_reports_changed_by_kill",
            "reports",
            (found.figures.get("evaluation_reports_changed_by_kill", 1.0),),
            "but for latencies",
        ),
    ]
