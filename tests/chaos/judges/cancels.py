"""A cancel that was taken ends its run, unless the run had ended before, and nothing but a cancel does."""

from collections.abc import Iterator

from tests.chaos.evidence import Evidence
from tests.chaos.judges.violation import Violation
from tests.chaos.records import Event

ENDS = "a cancel ends its run"


def judge(evidence: Evidence) -> list[Violation]:
    """Judge every run that was canceled, or should have been."""
    return [*_taken(evidence), *_ended(evidence)]


def _taken(evidence: Evidence) -> Iterator[Violation]:
    for run in evidence.canceled:
        if not any(event.kind == "cancel" for event in evidence.of_run.get(run, ())):
            yield Violation("no cancel is lost", run, "it was taken and is not in the log")


def _ended(evidence: Evidence) -> Iterator[Violation]:
    for run, seen in evidence.runs.items():
        cancel = _cancel(evidence, run)
        end = evidence.end_of.get(run)
        if not seen.ends:
            continue
        if end is None:
            yield Violation("a run ends by an event", run, f"nothing in the log is of {seen.finished_ms}")
        elif cancel is None:
            if seen.status == "canceled":
                yield Violation(ENDS, run, "it is canceled, and nobody asked for it")
        elif end.offset > cancel.offset:
            text = f"its cancel is at {cancel.offset}, it ended {seen.status} by {end.kind} at {end.offset}"
            yield Violation(ENDS, run, text)
        elif (end.offset == cancel.offset) != (seen.status == "canceled"):
            yield Violation(ENDS, run, f"its cancel is at {cancel.offset}, and it is {seen.status} by {end.offset}")


def _cancel(evidence: Evidence, run: str) -> Event | None:
    """Return the cancel that counts: the first one after the submission. Ingress may hold a submission back while
    markers are lost, and a cancel of a run that is not known is appended all the same.
    """
    begun = evidence.submitted.get(run)
    after = -1 if begun is None else begun.offset
    events = evidence.of_run.get(run, ())
    return next((event for event in events if event.kind == "cancel" and event.offset > after), None)
