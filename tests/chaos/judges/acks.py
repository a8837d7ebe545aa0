"""Nothing is acked before what it leads to is in the log: by the broker's own times of positions and records.

1. A step request is acked after an outcome of its attempt, or a deferral later than its own, or its run's end.
2. A request whose worker went on is acked after the same of each step that it went on to, or after somebody who had the
   same attempt gave it back, so that what follows is asked for by itself.
3. A submission is acked after its run is in the log, or after it was set aside.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping

from tests.chaos.evidence import Evidence
from tests.chaos.judges.violation import Violation
from tests.chaos.records import Event, Request

ACKED = "acked after it was published"
NEVER = 2**62


def judge(evidence: Evidence) -> list[Violation]:
    """Judge every position that a group reached."""
    acks = _Acks(evidence)
    return [*_requests(evidence, acks), *_submissions(evidence, acks)]


class _Acks:
    """When each record was acked first."""

    def __init__(self, evidence: Evidence) -> None:
        self._offsets: dict[tuple[str, int], list[int]] = defaultdict(list)
        self._times: dict[tuple[str, int], list[int]] = defaultdict(list)
        for commit in sorted(evidence.commits, key=lambda one: one.offset):
            self._offsets[commit.topic, commit.partition].append(commit.offset)
            self._times[commit.topic, commit.partition].append(commit.at_ms)

    def of(self, topic: str, partition: int, offset: int) -> int:
        """Return the time of the first position beyond an offset; ``NEVER`` without one."""
        where = topic, partition
        at = bisect_right(self._offsets[where], offset)
        return min(self._times[where][at:], default=NEVER)


def _requests(evidence: Evidence, acks: _Acks) -> Iterator[Violation]:
    said: dict[tuple[str, str], list[Event]] = defaultdict(list)
    for event in evidence.events:
        if event.kind in ("succeeded", "failed", "deferred"):
            said[event.run, event.step].append(event)
    last: dict[tuple[str, str, int], int] = defaultdict(int)
    acked: list[tuple[Request, int]] = []
    for request in evidence.requests:
        at = acks.of(request.topic, request.partition, request.offset)
        acked.append((request, at))
        name = request.run, request.step, request.attempt
        last[name] = max(last[name], at)
    for request, at in acked:
        if at == NEVER:
            continue
        ended = evidence.end_of.get(request.run)
        if ended is not None and ended.at_ms <= at:
            continue
        subject = f"{request.run}:{request.step}:{request.attempt}"
        if not _is_said(said, request, at):
            text = f"{request.topic}/{request.partition}@{request.offset} was acked at {at}, its outcome was not there"
            yield Violation(ACKED, subject, text)
        elif (left := _left(said, request, last[request.run, request.step, request.attempt])) is not None:
            yield Violation(ACKED, subject, f"acked at {at}, its worker went on to {left}, of which nothing was there")


def _is_said(said: Mapping[tuple[str, str], list[Event]], request: Request, at_ms: int) -> bool:
    return any(
        event.attempt == request.attempt
        and event.at_ms <= at_ms
        and (event.kind != "deferred" or event.deferral > request.deferral)
        for event in said.get((request.run, request.step), ())
    )


def _left(said: Mapping[tuple[str, str], list[Event]], request: Request, at_ms: int) -> str | None:
    """Return the step that the worker of a request went on to and said nothing of, if there is one."""
    before, attempt = request.step, request.attempt
    for step in request.rides:
        outcomes = (one for one in said.get((request.run, before), ()) if one.attempt == attempt)
        first = next((one for one in outcomes if one.kind != "deferred"), None)
        if first is None or first.kind == "failed" or first.chain != "continues" or first.at_ms > at_ms:
            return None
        if _is_given_back(said, request.run, before, attempt, at_ms):
            return None
        before, attempt = step, 1  # what travels along is a first attempt
        if not any(one.at_ms <= at_ms for one in said.get((request.run, step), ()) if one.attempt == attempt):
            return step
    return None


def _is_given_back(said: Mapping[tuple[str, str], list[Event]], run: str, step: str, attempt: int, at_ms: int) -> bool:
    """Return whether somebody else who had the same attempt left what follows: then it is asked for by itself."""
    return any(
        event.attempt == attempt and event.at_ms <= at_ms and (event.kind == "deferred" or event.chain == "given_back")
        for event in said.get((run, step), ())
    )


def _submissions(evidence: Evidence, acks: _Acks) -> Iterator[Violation]:
    aside = {letter.key for letter in evidence.dead_letters}
    for posted in evidence.posted:
        at = acks.of(posted.topic, posted.partition, posted.offset)
        if at == NEVER or posted.id in aside:
            continue
        event = evidence.submitted.get(posted.run)
        if event is None or event.at_ms > at:
            text = f"{posted.topic}/{posted.partition}@{posted.offset} was acked at {at}, its run was not in the log"
            yield Violation(ACKED, posted.run, text)
