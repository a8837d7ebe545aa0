"""What a session leaves to be judged: plain data, read once by ``collect`` and written to JSON as it is.

All of it is what others said: topics, tables, databases, the API, the provider. ``expected`` alone is the load's own.
Times are milliseconds since the epoch, money is in nano-dollars. Nothing here is changed after it was read.
"""

from collections import defaultdict
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal

import msgspec

ENDED = frozenset({"succeeded", "failed", "canceled"})
SETTLED_STEP = frozenset({"succeeded", "failed", "skipped", "canceled"})

EventKind = Literal["submitted", "admitted", "succeeded", "failed", "deferred", "timer", "cancel", "signal", "child"]


class _Data(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Plain data."""


class Expected(_Data):
    """What must become of a run, worked out from its workflow and inputs alone.

    ``outputs`` are the values that a run that succeeded may have, ``steps`` those of its steps. ``priced`` is what one
    answered call of a step costs, ``paid`` the steps that a run cannot succeed without paying. ``children`` are the
    runs that steps start. ``waits`` is how long a step must wait at least, ``attempts`` how many it needs at least.
    ``cap_nano`` is the run's own cap; ``in_line`` says that nothing in it spends at the same time.
    """

    workflow: str
    org: str
    statuses: list[str] = msgspec.field(default_factory=lambda: ["succeeded"])
    codes: list[str] = []
    outputs: list[Any] = []
    steps: dict[str, list[Any]] = {}
    priced: dict[str, int] = {}
    paid: list[str] = []
    children: dict[str, "Expected"] = {}
    waits: dict[str, int] = {}
    attempts: dict[str, int] = {}
    signals: dict[str, Any] = {}
    cap_nano: int | None = None
    in_line: bool = True
    deadline_ms: int | None = None


class Event(_Data):
    """One record of ``run-events``. Of a child's end ``cost`` includes what its own children did cost."""

    kind: EventKind
    run: str
    org: str
    partition: int
    offset: int
    at_ms: int
    step: str = ""
    attempt: int = 0
    cost: int = 0
    calls: list[str] = []
    output: Any = None
    code: str = ""
    status: str = ""
    chain: str = ""
    deferral: int = 0
    signal: str = ""
    child: str = ""
    workflow: str = ""
    parent: str = ""
    parent_step: str = ""
    detached: bool = False


class Money(_Data):
    """One record of ``cost-events``."""

    kind: Literal["started", "actual", "presumed"]
    call: str
    org: str
    run: str
    step: str
    workflow: str
    provider: str
    model: str
    amount: int
    booked_at_ms: int
    partition: int
    offset: int
    at_ms: int


class Request(_Data):
    """One record of ``step-requests``. ``cap_left`` is what the run's cap leaves, ``rides`` what travels along."""

    topic: str
    partition: int
    offset: int
    run: str
    step: str
    attempt: int
    requested_at_ms: int
    deferral: int = 0
    cap_left: int | None = None
    rides: list[str] = []


class Posted(_Data):
    """A CloudEvent on a topic of submissions, by the run that it stands for."""

    topic: str
    partition: int
    offset: int
    id: str
    run: str


class Commit(_Data):
    """A group's position that rose to ``offset``: all before it is acked."""

    topic: str
    partition: int
    offset: int
    at_ms: int


class StepSeen(_Data):
    """A step as ``run-views`` show it. ``outputs`` are all that it had in a settled state."""

    state: str
    version: int = 0
    attempt: int = 0
    cost: int = 0
    outputs: list[Any] = []
    requested_ms: int | None = None
    finished_ms: int | None = None


class RunSeen(_Data):
    """A run as ``run-views`` show it. ``ends`` are the terminal statuses with the version that had each first."""

    org: str
    workflow: str
    version: int
    status: str
    cost: int = 0
    children_nano: int = 0
    output: Any = None
    code: str = ""
    ends: dict[str, int] = {}
    submitted_ms: int = 0
    finished_ms: int | None = None
    steps: dict[str, StepSeen] = {}


class RunRow(_Data):
    """A run in PostgreSQL, or as the API shows it."""

    org: str
    status: str
    cost: int
    children_nano: int = 0
    output: Any = None
    code: str = ""


class StepRow(_Data):
    """A step in PostgreSQL."""

    status: str
    cost: int = 0


class DeadLetter(_Data):
    """A record that was set aside."""

    topic: str
    key: str
    reason: str
    message: str


class Moment(_Data):
    """A run was admitted, or gave its place back, by the broker's time."""

    at_ms: int
    admitted: bool
    run: str


class Strike(_Data):
    """A fault that was carried out."""

    kind: str
    target: str
    began_ms: int
    ended_ms: int


class Limit(_Data):
    """A budget, or how many runs may run at once. ``target`` is empty for the whole organisation."""

    org: str
    most: int
    name: str = ""
    scope: str = "org"
    target: str = ""
    period: str = "total"


class Evidence(_Data, dict=True):
    """All of it. ``*_rows`` are counts by run: what the topics have, and what ClickHouse has (``stored_rows``)."""

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
