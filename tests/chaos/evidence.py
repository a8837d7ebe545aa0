"""What a session leaves to be judged: plain data, read once by ``collect`` and written to JSON as it is.

All of it is what others said: topics, tables, databases, the API, the provider. ``expected`` alone is the load's own.
Times are milliseconds since the epoch, money is in nano-dollars. Nothing here is changed after it was read.
"""

from collections import defaultdict
from collections.abc import Mapping
from functools import cached_property

import msgspec

from tests.chaos.records import (
    Commit,
    Data,
    DeadLetter,
    Event,
    Expected,
    Limit,
    Moment,
    Money,
    Posted,
    Request,
    RouteSeen,
    RunRow,
    RunSeen,
    StepRow,
    Strike,
)

ENDED = frozenset({"succeeded", "failed", "canceled"})
SETTLED_STEP = frozenset({"succeeded", "failed", "skipped", "canceled"})


class Evidence(Data, dict=True):
    """All of it. ``*_rows`` are counts by run: what the topics have, and what ClickHouse has (``stored_rows``).

    ``learned`` is the entry of each arm group in the table ``routes``, as JSON.
    """

    seed: int
    limited: bool
    chained: bool
    hold_ttl_ms: int
    expected: dict[str, Expected] = {}
    accepted: list[str] = []
    refused: list[str] = []
    bad: dict[str, str] = {}
    canceled: list[str] = []
    signaled: dict[str, list[str]] = {}
    events: list[Event] = []
    money: list[Money] = []
    requests: list[Request] = []
    posted: list[Posted] = []
    commits: list[Commit] = []
    runs: dict[str, RunSeen] = {}
    run_rows: dict[str, RunRow] = {}
    step_rows: dict[str, dict[str, StepRow]] = {}
    api: dict[str, RunRow] = {}
    foreign: list[str] = []
    topic_rows: dict[str, dict[str, int]] = {}
    stored_rows: dict[str, dict[str, int]] = {}
    stored_nano: dict[str, int] = {}
    calls: dict[str, int] = {}
    answers: dict[str, list[tuple[int, int]]] = {}
    spent: dict[str, dict[str, int]] = {}
    held: dict[str, dict[str, int]] = {}
    budgets: list[Limit] = []
    limits: list[Limit] = []
    places: dict[str, list[int]] = {}
    moments: list[Moment] = []
    route_events: list[RouteSeen] = []
    learned: dict[str, str] = {}
    dead_letters: list[DeadLetter] = []
    strikes: list[Strike] = []

    @cached_property
    def submitted(self) -> Mapping[str, Event]:
        """The first submission of each run in the log."""
        found: dict[str, Event] = {}
        for event in self.events:
            if event.kind == "submitted":
                found.setdefault(event.run, event)
        return found

    @cached_property
    def of_run(self) -> Mapping[str, list[Event]]:
        """The events of each run, in the order of the log."""
        found: dict[str, list[Event]] = defaultdict(list)
        for event in sorted(self.events, key=lambda one: (one.partition, one.offset)):
            found[event.run].append(event)
        return found

    @cached_property
    def counted(self) -> Mapping[str, list[Event]]:
        """The outcomes of each run that count as money: the first one of every attempt."""
        found: dict[str, list[Event]] = {}
        for run, events in self.of_run.items():
            first: dict[tuple[str, int], Event] = {}
            for event in events:
                if event.kind in ("succeeded", "failed"):
                    first.setdefault((event.step, event.attempt), event)
            found[run] = list(first.values())
        return found

    @cached_property
    def ledger(self) -> Mapping[str, int]:
        """What the settlements that count say of each run's own calls together."""
        found: dict[str, int] = defaultdict(int)
        for money in self.settled.values():
            found[money.run] += money.amount
        return found

    @cached_property
    def settled(self) -> Mapping[str, Money]:
        """The settlement of each call that counts: the first actual one, or else the first presumed one.

        An actual one books into the windows of the presumed one that it replaces.
        """
        found: dict[str, Money] = {}
        for money in sorted(self.money, key=lambda one: (one.partition, one.offset)):
            before = found.get(money.call)
            if money.kind == "started" or (before is not None and before.kind == "actual"):
                continue
            if before is None:
                found[money.call] = money
            elif money.kind == "actual":
                found[money.call] = msgspec.structs.replace(money, booked_at_ms=before.booked_at_ms)
        return found

    @cached_property
    def started(self) -> Mapping[str, Money]:
        """The first start of each call."""
        found: dict[str, Money] = {}
        for money in self.money:
            if money.kind == "started":
                found.setdefault(money.call, money)
        return found

    @cached_property
    def end_of(self) -> Mapping[str, Event]:
        """The event that ended each run: the one of the broker's time at which it finished.

        Of several in that millisecond it is the one whose offset is the version of the first terminal view, or else the
        first: a restore may leave out views, so that the first one that is there is of a later event.
        """
        found: dict[str, Event] = {}
        for run, seen in self.runs.items():
            then = [event for event in self.of_run.get(run, ()) if event.at_ms == seen.finished_ms]
            if seen.ends and then:
                version = min(seen.ends.values())
                found[run] = next((event for event in then if event.offset == version), then[0])
        return found

    def expectation(self, run: str) -> Expected | None:
        """Return what must become of a run; of one that a step started, what its parent's says."""
        if (found := self.expected.get(run)) is not None:
            return found
        event = self.submitted.get(run)
        if event is None or not event.parent:
            return None
        parent = self.expectation(event.parent)
        return None if parent is None else parent.children.get(event.parent_step)


def encode(evidence: Evidence) -> bytes:
    """Return evidence as JSON."""
    return msgspec.json.encode(evidence)


def decode(data: bytes) -> Evidence:
    """Return the evidence in JSON."""
    return msgspec.json.decode(data, type=Evidence)
