"""A run fails for a reason that its workflow gives, and everybody is told the same one."""

from tests.chaos.evidence import Evidence
from tests.chaos.judges.violation import Violation


def judge(evidence: Evidence) -> list[Violation]:
    """Judge the error codes of failed and canceled runs."""
    found: list[Violation] = []
    for where, runs in (("run-views", evidence.runs), ("PostgreSQL", evidence.run_rows), ("the API", evidence.api)):
        for run, seen in runs.items():
            expected = evidence.expectation(run)
            if expected is None:
                continue
            allowed = {"failed": expected.codes, "canceled": ["canceled"], "succeeded": [""]}.get(seen.status)
            if allowed and seen.code not in allowed:
                text = f"{where} says {seen.code or 'nothing'} of {expected.workflow}, right is {' or '.join(allowed)}"
                text += f" ({evidence.runs[run].why})" if run in evidence.runs else ""
                found.append(Violation("runs fail for their reasons", run, text))
    return found
