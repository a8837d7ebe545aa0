"""Outputs are right by value: of each attempt in the log, and of each run in the topics, PostgreSQL and the API."""

from collections.abc import Iterator
from typing import Any

from tests.chaos.evidence import Evidence
from tests.chaos.judges.violation import Violation, short
from tests.chaos.scenarios.answers import fits

RIGHT = "outputs are right"


def judge(evidence: Evidence) -> list[Violation]:
    """Judge every output against what its workflow and inputs make of it."""
    return [*_in_the_log(evidence), *_of_steps(evidence), *_of_runs(evidence)]


def _in_the_log(evidence: Evidence) -> Iterator[Violation]:
    for event in evidence.events:
        expected = evidence.expectation(event.run)
        if event.kind != "succeeded" or expected is None:
            continue
        yield from _wrong(
            f"{event.run}:{event.step}:{event.attempt}", "run-events", event.output, expected.steps.get(event.step)
        )


def _of_steps(evidence: Evidence) -> Iterator[Violation]:
    for run, seen in evidence.runs.items():
        expected = evidence.expectation(run)
        for step, allowed in expected.steps.items() if expected is not None else ():
            for output in seen.steps[step].outputs if step in seen.steps else ():
                yield from _wrong(f"{run}:{step}", "run-views", output, allowed)


def _of_runs(evidence: Evidence) -> Iterator[Violation]:
    for where, runs in (("run-views", evidence.runs), ("PostgreSQL", evidence.run_rows), ("the API", evidence.api)):
        for run, seen in runs.items():
            expected = evidence.expectation(run)
            if expected is not None and seen.status == "succeeded":
                yield from _wrong(run, where, seen.output, expected.outputs)


def _wrong(subject: str, where: str, output: Any, allowed: list[Any] | None) -> Iterator[Violation]:
    if allowed and not any(fits(one, output) for one in allowed):
        yield Violation(RIGHT, subject, f"{where} has {short(output)}, right is {' or '.join(map(short, allowed))}")
