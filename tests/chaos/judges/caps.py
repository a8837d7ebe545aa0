"""A run's own cap, by today's rule: what is left of it when a step is asked for bounds each of that step's calls.

So calls that are asked for at once may each spend all of it (``gaps`` prints by how much); in a line they cannot.
"""

from collections import defaultdict
from collections.abc import Iterator

from tests.chaos.evidence import Evidence
from tests.chaos.judges.violation import Violation
from tests.chaos.records import Request

HELD = "a run's cap holds"


def judge(evidence: Evidence) -> list[Violation]:
    """Judge every request and every call of a run with a cap."""
    requests: dict[str, list[Request]] = defaultdict(list)
    for request in evidence.requests:
        requests[request.run].append(request)
    calls: dict[str, list[str]] = defaultdict(list)
    for call, money in evidence.started.items():
        calls[money.run].append(call)
    found: list[Violation] = []
    for run in evidence.submitted:
        expected = evidence.expectation(run)
        if expected is not None and expected.cap_nano is not None:
            found += _requests(evidence, run, expected.cap_nano, requests[run])
            found += _calls(evidence, run, expected.cap_nano, calls[run], requests[run])
            found += _sum(evidence, run, expected.cap_nano, in_line=expected.in_line)
    return found


def _requests(evidence: Evidence, run: str, cap: int, requests: list[Request]) -> Iterator[Violation]:
    """What a request says is left must be at most the cap less what the log said by then."""
    for request in requests:
        spent = _spent_by(evidence, run, request.requested_at_ms)
        subject = f"{run}:{request.step}:{request.attempt}"
        if request.cap_left is None:
            yield Violation(HELD, subject, f"its request says nothing of the cap of {cap}")
        elif request.cap_left > max(0, cap - spent):
            text = f"its request may spend {request.cap_left}, left of {cap} is {cap - spent}"
            yield Violation(HELD, subject, text)


def _spent_by(evidence: Evidence, run: str, at_ms: int) -> int:
    """Return what a run had spent, at least, when an event of this time made it ask for a step."""
    asked = next((event.offset for event in evidence.of_run[run] if event.at_ms == at_ms), 0)
    counted = evidence.counted.get(run, ())
    return sum(event.cost for event in counted if event.at_ms < at_ms or event.offset == asked)


def _calls(evidence: Evidence, run: str, cap: int, calls: list[str], requests: list[Request]) -> Iterator[Violation]:
    """A call may be held at no more than its request leaves it.

    A step that travelled with another one has no request; nothing beside its chain spends.
    """
    left: dict[tuple[str, int], int] = {}
    for request in requests:
        name = request.step, request.attempt
        left[name] = max(left.get(name, 0), request.cap_left or 0)
    for call in calls:
        money = evidence.started[call]
        attempt = int(call.partition("@")[0].rpartition(":")[2])
        spent = sum(one.cost for one in evidence.counted.get(run, ()) if one.at_ms < money.booked_at_ms)
        most = left.get((money.step, attempt), cap - spent)
        if money.amount > most:
            yield Violation(HELD, call, f"{money.amount} was held for it, left was {most}")


def _sum(evidence: Evidence, run: str, cap: int, *, in_line: bool) -> Iterator[Violation]:
    seen = evidence.runs.get(run)
    if in_line and seen is not None and seen.cost > cap:
        yield Violation(HELD, run, f"it cost {seen.cost}, and its steps followed one another; the cap is {cap}")
