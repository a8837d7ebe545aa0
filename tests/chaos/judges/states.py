"""Every accepted run reaches exactly one terminal state, and the right one; each step's recorded result is unique."""

from collections.abc import Iterator

from tests.chaos.evidence import ENDED, SETTLED_STEP, Evidence
from tests.chaos.judges.violation import Violation, short


def judge(evidence: Evidence) -> list[Violation]:
    """Judge the ends of runs and of their steps."""
    return [*_lost(evidence), *_strange(evidence), *_ends(evidence), *_steps(evidence)]


def _lost(evidence: Evidence) -> Iterator[Violation]:
    for run in evidence.accepted:
        if run not in evidence.submitted:
            yield Violation("no accepted run is lost", run, "it was accepted and is not in the log")
    for run in evidence.submitted:
        seen = evidence.runs.get(run)
        if seen is None or not seen.ends:
            status = "no view" if seen is None else seen.status
            yield Violation("every run ends", run, f"it is in the log and has no end ({status})")
    for why in evidence.refused:
        yield Violation("right submissions are accepted", why.partition(":")[0], why)


def _strange(evidence: Evidence) -> Iterator[Violation]:
    for run, event in evidence.submitted.items():
        expected = evidence.expectation(run)
        if expected is None:
            yield Violation("runs are those that were submitted", run, f"nobody submitted it ({event.workflow})")
        elif event.workflow != expected.workflow:
            text = f"it runs {event.workflow}, submitted was {expected.workflow}"
            yield Violation("runs are those that were submitted", run, text)
        elif event.org != expected.org:
            yield Violation("organisations are apart", run, f"it is of {event.org}, submitted by {expected.org}")
    for run in evidence.foreign:
        yield Violation("organisations are apart", run, "another organisation was shown it")


def _ends(evidence: Evidence) -> Iterator[Violation]:
    for run, seen in evidence.runs.items():
        if len(seen.ends) > 1:
            yield Violation("a run ends once", run, f"its ends are {', '.join(sorted(seen.ends))}")
        elif seen.ends and seen.status not in seen.ends:
            yield Violation("a run ends once", run, f"it ended {short(sorted(seen.ends))} and is {seen.status} again")
        expected = evidence.expectation(run)
        if expected is not None and seen.status in ENDED and seen.status not in expected.statuses:
            text = f"{seen.workflow} is {seen.status} {seen.code}, expected is {' or '.join(expected.statuses)}"
            yield Violation("a run ends as it should", run, text)


def _steps(evidence: Evidence) -> Iterator[Violation]:
    for run, seen in evidence.runs.items():
        expected = evidence.expectation(run)
        for step, one in seen.steps.items():
            if len(one.outputs) > 1:
                yield Violation("a step has one result", f"{run}:{step}", f"it had {short(one.outputs)}")
            if seen.ends and one.state not in SETTLED_STEP:
                yield Violation("steps end with their run", f"{run}:{step}", f"{seen.status}, the step is {one.state}")
            least = expected.attempts.get(step, 0) if expected is not None else 0
            if one.state in ("succeeded", "failed") and one.attempt < least:
                yield Violation(
                    "a refused attempt is made again", f"{run}:{step}", f"{one.attempt} of {least} attempts"
                )
