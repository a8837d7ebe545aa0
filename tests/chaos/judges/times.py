"""Waits last as long as they should, and a deadline ends a run no sooner than it says."""

from collections.abc import Iterator

from tests.chaos.evidence import Evidence
from tests.chaos.judges.violation import Violation


def judge(evidence: Evidence) -> list[Violation]:
    """Judge every wait that came to its end, and every deadline that was met."""
    return [*_waits(evidence), *_deadlines(evidence)]


def _waits(evidence: Evidence) -> Iterator[Violation]:
    for run, seen in evidence.runs.items():
        expected = evidence.expectation(run)
        for step, least in expected.waits.items() if expected is not None else ():
            one = seen.steps.get(step)
            if one is None or one.state not in ("succeeded", "failed"):
                continue
            waited = (one.finished_ms or 0) - (one.requested_ms or 0)
            if waited < least:
                yield Violation("a wait lasts", f"{run}:{step}", f"it waited {waited} ms, it should {least} ms")


def _deadlines(evidence: Evidence) -> Iterator[Violation]:
    for run, seen in evidence.runs.items():
        expected = evidence.expectation(run)
        if expected is None or expected.deadline_ms is None or seen.code != "deadline_exceeded":
            continue
        took = (seen.finished_ms or 0) - seen.submitted_ms
        if took < expected.deadline_ms:
            text = f"it was ended after {took} ms, it has {expected.deadline_ms} ms"
            yield Violation("a deadline is not early", run, text)
