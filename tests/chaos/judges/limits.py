"""No more runs have their turn at once than may, and every place is given back."""

from collections.abc import Iterator

from tests.chaos.evidence import Evidence
from tests.chaos.judges.violation import Violation
from tests.chaos.records import Limit


def judge(evidence: Evidence) -> list[Violation]:
    """Judge every limit of running runs; without limits, that no run waits."""
    found = [violation for limit in evidence.limits for violation in _over(evidence, limit)]
    limited = {limit.org for limit in evidence.limits}
    for run in sorted({moment.run for moment in evidence.moments}):
        event = evidence.submitted.get(run)
        if event is not None and event.org not in limited:
            found.append(Violation("only limited runs wait", run, f"{event.org} has no limits"))
    for org, (running, waiting) in evidence.places.items():
        if running or waiting:
            text = f"every run has ended, {running} have a place and {waiting} wait"
            found.append(Violation("places are given back", org, text))
    return found


def _over(evidence: Evidence, limit: Limit) -> Iterator[Violation]:
    most = most_at_once(evidence, limit.org, limit.target)
    if most > limit.most:
        subject = f"{limit.org} {limit.target}".strip()
        yield Violation("limits of running runs hold", subject, f"{most} had their turn at once, {limit.most} may")


def most_at_once(evidence: Evidence, org: str, workflow: str = "") -> int:
    """Return how many runs had their turn at once, at most: from the first admission until it is first given back."""
    now: set[str] = set()
    over: set[str] = set()
    most = 0
    # What was given back in a millisecond may have been given again in it.
    for moment in sorted(evidence.moments, key=lambda one: (one.at_ms, one.admitted)):
        event = evidence.submitted.get(moment.run)
        if event is None or event.org != org or workflow not in ("", event.workflow):
            continue
        if not moment.admitted:
            over.add(moment.run)
            now.discard(moment.run)
        elif moment.run not in over:
            now.add(moment.run)
            most = max(most, len(now))
    return most
