"""The pieces of evidence: plain data, each of one kind of record, row or answer. Money is in nano-dollars."""

from typing import Any, Literal

import msgspec

EventKind = Literal["submitted", "admitted", "succeeded", "failed", "deferred", "timer", "cancel", "signal", "child"]


class Data(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Plain data."""


class Expected(Data):
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


class Event(Data):
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
    version: int = 0


class Money(Data):
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


class Request(Data):
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


class Posted(Data):
    """A CloudEvent on a topic of submissions, by the run that it stands for."""

    topic: str
    partition: int
    offset: int
    id: str
    run: str


class Commit(Data):
    """A group's position that rose to ``offset``: all before it is acked."""

    topic: str
    partition: int
    offset: int
    at_ms: int


class StepSeen(Data):
    """A step as ``run-views`` show it. ``outputs`` are all that it had in a settled state."""

    state: str
    version: int = 0
    attempt: int = 0
    cost: int = 0
    outputs: list[Any] = []
    requested_ms: int | None = None
    finished_ms: int | None = None


class RunSeen(Data):
    """A run as ``run-views`` show it. ``ends`` are the terminal statuses with the version that had each first."""

    org: str
    workflow: str
    version: int
    status: str
    cost: int = 0
    children_nano: int = 0
    output: Any = None
    code: str = ""
    why: str = ""
    ends: dict[str, int] = {}
    submitted_ms: int = 0
    finished_ms: int | None = None
    steps: dict[str, StepSeen] = {}


class RunRow(Data):
    """A run in PostgreSQL, or as the API shows it."""

    org: str
    status: str
    cost: int
    children_nano: int = 0
    output: Any = None
    code: str = ""


class StepRow(Data):
    """A step in PostgreSQL."""

    status: str
    cost: int = 0


class DeadLetter(Data):
    """A record that was set aside."""

    topic: str
    key: str
    reason: str
    message: str


class RouteSeen(Data):
    """A record of ``route-outcomes`` as it is in the log; ``outcome`` names the decision of an outcome."""

    partition: int
    offset: int
    run: str
    group: str
    outcome: str
    value: str


class Moment(Data):
    """A run was admitted, or gave its place back, by the broker's time."""

    at_ms: int
    admitted: bool
    run: str


class Strike(Data):
    """A fault that was carried out."""

    kind: str
    target: str
    began_ms: int
    ended_ms: int


class Limit(Data):
    """A budget, or how many runs may run at once. ``target`` is empty for the whole organisation."""

    org: str
    most: int
    name: str = ""
    scope: str = "org"
    target: str = ""
    period: str = "total"
