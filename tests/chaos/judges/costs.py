"""A run's own cost: what the ledger says of its calls, to the nano-dollar, also after crashes.

1. An answered call costs what its tokens cost; a call whose outcome nobody knows costs what was held for it.
2. An outcome costs what the settlements of its calls say, and each call is in one outcome that counts.
3. The run's cost is the sum of all settlements of its calls, and so is the sum over its steps.
4. A run that succeeded has paid each call that it cannot succeed without.
"""

from collections.abc import Iterator

from tests.chaos.evidence import Evidence
from tests.chaos.judges.violation import Violation
from tests.chaos.records import Event


def judge(evidence: Evidence) -> list[Violation]:
    """Judge every outcome and every run."""
    return [*_outcomes(evidence), *_runs(evidence)]


def _outcomes(evidence: Evidence) -> Iterator[Violation]:
    of_call: dict[str, str] = {}
    for outcomes in evidence.counted.values():
        for event in outcomes:
            yield from _outcome(evidence, event)
            subject = f"{event.run}:{event.step}:{event.attempt}"
            for call in event.calls:
                if of_call.setdefault(call, subject) != subject:
                    yield Violation("a call counts once", call, f"it is in {of_call[call]} and in {subject}")


def _outcome(evidence: Evidence, event: Event) -> Iterator[Violation]:
    subject = f"{event.run}:{event.step}:{event.attempt}"
    settled = sum(evidence.settled[call].amount for call in event.calls if call in evidence.settled)
    if event.cost != settled:
        yield Violation("an outcome costs what its calls do", subject, f"it says {event.cost}, settled is {settled}")
    expected = evidence.expectation(event.run)
    price = expected.priced.get(event.step) if expected is not None else None
    if event.kind == "succeeded" and price is not None and event.cost != price:
        yield Violation("a call costs its tokens", subject, f"it cost {event.cost}, right is {price}")
    held = sum(evidence.started[call].amount for call in event.calls if call in evidence.started)
    if event.kind == "failed" and event.cost not in (0, held):
        yield Violation("a failed call costs nothing, or what was held", subject, f"{event.cost}, held was {held}")


def _runs(evidence: Evidence) -> Iterator[Violation]:
    for run, seen in evidence.runs.items():
        settled = evidence.ledger.get(run, 0)
        if seen.cost != settled:
            text = f"it says {seen.cost}, the ledger has {settled} ({seen.cost - settled:+})"
            yield Violation("a run costs what the ledger says", run, text)
        steps = sum(step.cost for step in seen.steps.values())
        if seen.cost != steps:
            yield Violation("a run costs what its steps do", run, f"it says {seen.cost}, its steps say {steps}")
        expected = evidence.expectation(run)
        if expected is not None and seen.status == "succeeded":
            least = sum(expected.priced[step] for step in expected.paid)
            if seen.cost < least:
                yield Violation("a run pays what it needs", run, f"it cost {seen.cost}, at least {least} was needed")
