"""A signal is taken once, however often it is sent, by the first step that waits for it."""

from collections import Counter
from collections.abc import Iterator

from schemas.ids import HTTP_SOURCE
from schemas.tables.signals import signal_id
from tests.chaos.evidence import Evidence
from tests.chaos.judges.violation import Violation, short


def judge(evidence: Evidence) -> list[Violation]:
    """Judge every run that signals were sent to."""
    found: list[Violation] = []
    for run in evidence.runs:
        expected = evidence.expectation(run)
        if expected is not None and expected.signals:
            found += _lost(evidence, run)
            found += _taken(evidence, run, Counter(short(value) for value in expected.signals.values()))
    return found


def _lost(evidence: Evidence, run: str) -> Iterator[Violation]:
    there = {event.signal for event in evidence.of_run.get(run, ()) if event.kind == "signal"}
    for key in evidence.signaled.get(run, ()):
        if signal_id(HTTP_SOURCE, key) not in there:
            yield Violation("no signal is lost", run, f"the signal {key} was taken and is not in the log")


def _taken(evidence: Evidence, run: str, sent: Counter[str]) -> Iterator[Violation]:
    seen = evidence.runs[run]
    taken = Counter(short(output) for step in seen.steps.values() for output in step.outputs if short(output) in sent)
    for value, number in taken.items():
        if number > sent[value]:
            yield Violation("a signal is taken once", run, f"{value} is the output of {number} steps")
