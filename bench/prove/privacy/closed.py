"""Line of failures that let nothing pass: detectors that crash, a vault that is down, texts beyond the limits."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.lines import BenchError, Line
from bench.privacy.closed.cases import CASES
from bench.privacy.closed.play import Judged, play
from bench.prove.area import Aim, at_most, line_of
from bench.prove.privacy.aims import ISSUE
from deploy.local.engines.progress import Progress

AIMS = (*ISSUE["closed"], Aim("failures_without_type", "cases", at_most(0), at_most(0)))
QUICK = ("api: rule", "api: vault", "api: oversized text", "model: rule", "model: vault")


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Play the cases on real processes. Raises ``BenchError``, also when a door refuses without a failure."""
    cases = [case for case in CASES if not quick or case.name in QUICK]
    with tempfile.TemporaryDirectory(prefix="agentflow-closed-") as folder:
        played = play(Path(folder), progress, cases)
    refused = [one.case.name for one in played.controls if not one.passed]
    if refused:
        raise BenchError(f"doors refuse without a failure, so their refusals say nothing: {', '.join(refused)}")
    passed = [one for one in played.cases if one.passed]
    untyped = [one for one in played.cases if not one.passed and not one.typed]
    note = f"of {len(cases)} at the API, before models and behind functions, by real processes"
    return [
        line_of(AIMS, "failures_that_pass", float(len(passed)), note + _named(passed)),
        line_of(AIMS, "failures_without_type", float(len(untyped)), f"of {len(cases)}{_named(untyped)}"),
    ]


def _named(judged: Sequence[Judged]) -> str:
    return f": {', '.join(f'{one.case.name} ({one.code})' for one in judged)}" if judged else ""
