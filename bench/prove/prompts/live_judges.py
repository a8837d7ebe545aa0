"""Lines of the area ``prompts`` for production: rows of datasets that a policy redacts, and judges of live answers."""

from collections.abc import Sequence

from bench.lines import Line
from bench.prove.area import Aim, at_most
from bench.tested import run_tests
from deploy.local.engines.progress import Progress

_ROWS = "tests/unit/services/prompts/from_runs/test_privacy.py"
_JUDGES = "tests/integration/system/test_live_judges.py"
AIMS = (
    Aim("dataset_planted_values_stored", "tests", at_most(0), at_most(0)),
    Aim("live_answers_judged_twice", "answers", at_most(0), at_most(0)),
    Aim("live_answers_not_judged", "answers", at_most(0), at_most(0)),
    Aim("live_judge_overspent_cents", "cents", at_most(0), at_most(0)),
)


def measure(_quick: bool, progress: Progress) -> Sequence[Line]:
    """Plant values into runs, and kill roles while answers are judged. Raises ``BenchError`` when nothing ran."""
    progress("prompts: planted values in rows of datasets; judges of live answers, with kills")
    rows, judges = run_tests(_ROWS), run_tests(_JUDGES)
    notes = {"live_answers_judged_twice": "of 24, 4 kills of scores and worker", "live_judge_overspent_cents": "of 0.5"}
    return [
        Line("dataset_planted_values_stored", "tests", (float(len(rows.failed)),), f"that failed of {rows.passed}"),
        *(Line(aim.name, aim.unit, (judges.figures.get(aim.name, 1.0),), notes.get(aim.name, "")) for aim in AIMS[1:]),
    ]
