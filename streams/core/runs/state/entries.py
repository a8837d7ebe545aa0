"""What the table keeps of a run, and how it is written. The names are in ``schemas.tables.runs``.

Entity ``<run id>``:

- ``h``: ``Header``, what the submission said; written once
- ``in``: the run's inputs, a JSON object; written once
- ``si``: where those inputs are that ``in`` has null for; only in a run that has some
- ``st``: the run's status in plain UTF-8, since the workers' claim script reads it
- ``p``: ``Progress``, counters and money; O(mapped nodes), never O(children)
- ``pa``: ``Parent``, the step that started the run; only in a run that has one
- ``re``: the nodes whose results come from another run, a list of ids; only in a run that has some
- ``tu``: whether limits of its organisation or the pool hold for it; only in a run that waits for its admission, or did
- ``fl``: ``RunFlow``, the gates of its workflow; only in a run that has some
- ``sig``: ``Signals`` that came before their step, and the ids of those that came; none until one comes
- ``ca``: the caps of the runs that started it, in nano-dollars by run; only in a run that has some
- ``pb``: what its nodes cost at most, in nano-dollars by node; only in a run that has a budget, and some
- ``se``: ``RunSecurity``, as ``labels.pinned.Pinned``; only in a run whose data has labels
- ``oc``: the calls that count for the run and for none of its steps, ``Booked`` by id; only in a run that has some
- ``s:<step id>``: ``Step``, one for every step that was ever asked for; none while it is pending

Entity ``spec:<hash>``: ``spec``, the ``ResolvedSpec`` as JSON; shared by all runs of it. The fold decodes it into a
``Plan``.

Structs are MessagePack arrays: a new field goes last and has a default, so that older entries still decode.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from schemas.payload import Inline, Payload, Reference
from schemas.records.base import ErrorInfo, Json
from schemas.records.flow import RunFlow
from schemas.records.parents import Parent
from schemas.records.rollouts.arms import RunArm
from schemas.records.rollouts.deployments import RunOutcome
from schemas.records.run_events import Capture, ToolUse
from schemas.records.security.pinned import Approval, Question
from schemas.records.timers import Deadline, Defer, Timer, timer_id
from schemas.run_states import RunState, StepState
from schemas.spec.text.document import resolved_bytes
from schemas.tables import runs as names
from schemas.tables.entry import Entry, entry
from schemas.tables.runs import (
    ARM_OUTCOMES,
    ARMS,
    BOUNDS,
    CAPS,
    FLOW,
    INPUTS,
    OTHER_CALLS,
    PARENT,
    REUSED,
    SECURITY,
    SIGNALS,
    SPEC,
    STATUS,
    STEP_PREFIX,
    STORED_INPUTS,
    TURNS,
)
from schemas.tables.signals import Signals
from streams.core.runs.labels.pinned import Pinned

#: The run's own timer.
DEADLINE = Deadline()


class Header(msgspec.Struct, frozen=True, array_like=True):
    """What the submission said, without the spec and the inputs."""

    run_id: str
    org_id: str
    source: str
    submission_id: str | None
    body_hash: str
    workflow_name: str
    workflow_version: int
    spec_hash: str
    tags: dict[str, str]
    budget_nano: int | None
    capture: Capture
    submitted_at_ms: int
    traceparent: str | None
    rules_version: int
    tracestate: str = ""
    subject: str = ""


class MapCounts(msgspec.Struct, frozen=True, array_like=True):
    """How far a mapped node is: its children, how many of them were asked for, ended, and failed.

    ``pages`` is how many steps gather its outputs, ``gathered`` how many of these are done.
    """

    total: int
    asked: int = 0
    ended: int = 0
    failed: int = 0
    pages: int = 0
    gathered: int = 0

    @property
    def open(self) -> int:
        """How many children are asked for and have not ended."""
        return self.asked - self.ended


class Progress(msgspec.Struct, frozen=True, array_like=True):
    """How far the run is. ``done`` counts settled nodes, ``maps`` the children of each mapped node.

    ``open_steps`` counts the places that are taken and ``ready`` are the nodes that wait for one, where the run has
    such a limit. ``deadline_ms`` is when the run's own timer is due.
    ``version`` is the offset of the last event that changed something a reader sees. ``children_nano`` is the cost
    of ended runs that steps started and waited for, next to ``cost_nano``. ``kinds`` are the counts of other kinds of
    usage (``Usage.kinds``).
    """

    version: int
    done: int = 0
    cost_nano: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    error: ErrorInfo | None = None
    started_at_ms: int | None = None
    finished_at_ms: int | None = None
    maps: dict[str, MapCounts] = {}
    open_steps: int = 0
    ready: tuple[str, ...] = ()
    deadline_ms: int | None = None
    children_nano: int = 0
    kinds: dict[str, int] | None = None


#: A version that no report of a child has.
FROM_LEDGER = -1


class Booked(msgspec.Struct, frozen=True, array_like=True):
    """What a call, or a run that a step waited for, counts in its run's cost.

    ``presumed``: it is an estimate, which an actual cost replaces. ``version`` is that of the child's last report, and
    ``FROM_LEDGER`` of a call that no outcome has said, only the ledger.
    """

    amount_nano: int
    presumed: bool = False
    version: int = 0


class Step(msgspec.Struct, frozen=True, array_like=True):
    """One step. Money and tokens are sums over its attempts, all else is of the last attempt.

    ``index`` is set for a child of a mapped node, ``total`` (number of children) for the mapped node itself.
    Of a mapped node that ended, ``left_out`` are the children whose places its output does not have. ``gather`` is set
    for a step that gathers outputs: those from the first to before the second number, or all pages if they are equal.
    ``first_asked_ms`` is its first request's time, where there was a later one: its target and its span begin there.
    ``timer`` is the one timer that is armed for the step. ``unsettled`` are attempts that were requested and ended
    without an outcome (timed out, canceled): what they did cost may still come. So are runs that attempts started and
    that were told to end.

    ``note`` says why the rules decided as they did, where that is not plain. ``unseen`` are ancestors that still ran
    when the node started (see ``PlanNode.early``): its attempts all see null in their place, whatever became of them.
    ``calls`` are what an agent's turn asks for (see ``nodes.agent``). ``booked`` is what counts in the run's cost of
    the step's calls, by id without run and step, and of the runs that its attempts started (see ``events.costs``).

    ``decided`` is the label of what decided that it runs, or is skipped, and ``read`` that of all that it read;
    ``None`` in a run without security (see ``runs.labels``).
    ``asks`` is what a person is asked while the step waits for that, ``approvals`` are the answers that were yes (see
    ``nodes.approval``).
    """

    node: str
    state: StepState
    index: int | None = None
    total: int | None = None
    attempt: int = 0
    deferral: int = 0
    requested_at_ms: int | None = None
    timer: Timer | None = None
    due_ms: int | None = None
    waiting_for: str | None = None
    unsettled: tuple[int, ...] = ()
    value: Inline | None = None
    stored: Reference | None = None
    error: ErrorInfo | None = None
    cost_nano: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    provider: str | None = None
    model: str | None = None
    cached: bool = False
    worker_id: str = ""
    started_at_ms: int | None = None
    finished_at_ms: int | None = None
    note: str | None = None
    unseen: tuple[str, ...] = ()
    left_out: tuple[int, ...] = ()
    gather: tuple[int, int] | None = None
    calls: tuple[ToolUse, ...] = ()
    first_asked_ms: int | None = None
    kinds: dict[str, int] | None = None
    sla_missed: bool = False
    booked: dict[str, Booked] | None = None
    asks: Question | None = None
    approvals: tuple[Approval, ...] = ()
    decided: tuple[str, ...] | None = None
    read: tuple[str, ...] | None = None

    @property
    def output(self) -> Payload | None:
        """The recorded output."""
        return self.value if self.value is not None else self.stored

    @property
    def asked_first_ms(self) -> int | None:
        """The time of its first request."""
        return self.requested_at_ms if self.first_asked_ms is None else self.first_asked_ms

    @property
    def is_of_map(self) -> bool:
        """Whether it is a mapped node's own step, a child of one, or gathers the outputs of one."""
        return self.index is not None or self.total is not None or self.gather is not None

    @property
    def attempt_is_open(self) -> bool:
        """Whether the current attempt may still have an outcome: it runs, or was given back and will run again."""
        if self.total is not None:
            return False
        given_back = isinstance(self.timer, Defer) or self.asks is not None
        return self.state == "running" or (self.state == "waiting" and given_back)


def encode(field: str, value: Json) -> bytes:
    """Return an entry's stored bytes."""
    if field == STATUS:
        return str(value).encode()
    if field == SPEC:
        return resolved_bytes(value.resolved)
    if field == SECURITY:
        return bytes(value.entry)
    return _ENCODER.encode(value)


def decode(field: str, data: bytes) -> Any:
    """Return the value of a run's stored bytes. Raises ``KeyError`` for an entry that is none of ours."""
    if field == STATUS:
        status: RunState = msgspec.convert(data.decode(), RunState)
        return status
    if field == SECURITY:
        return Pinned.stored(data)
    decoder = _STEP if field.startswith(STEP_PREFIX) else _DECODERS[field]
    return decoder.decode(data)


def deadline(data: bytes) -> tuple[str, int] | None:
    """Return the run's own timer, given the stored bytes of its progress."""
    due_ms = _DECODERS[PROGRESS].decode(data).deadline_ms
    return None if due_ms is None else (timer_id(DEADLINE), due_ms)


def armed(data: bytes) -> tuple[str, int] | None:
    """Return the timer that a step's stored bytes say is armed, its id and when it is due."""
    step = _STEP.decode(data)
    return None if step.timer is None or step.due_ms is None else (timer_id(step.timer), step.due_ms)


def unsettled(data: bytes) -> bool:
    """Whether money may still come for an ended run's step, given its stored bytes.

    It may for one that paid, or has an earlier answer: a worker that died before may have made another call.
    """
    step = _STEP.decode(data)
    return bool(step.unsettled) or step.booked is not None or step.cached


#: Entries of a run's entity that hold types of this module.
HEADER: Entry[Header] = names.HEADER
PROGRESS: Entry[Progress] = names.PROGRESS


def step_field(step_id: str) -> Entry[Step]:
    """Return the name of a step's entry."""
    return entry(f"{STEP_PREFIX}{step_id}")


_ENCODER = msgspec.msgpack.Encoder()
_STEP = msgspec.msgpack.Decoder(Step)
_DECODERS: Mapping[str, msgspec.msgpack.Decoder[Any]] = {
    HEADER: msgspec.msgpack.Decoder(Header),
    PROGRESS: msgspec.msgpack.Decoder(Progress),
    INPUTS: msgspec.msgpack.Decoder(dict[str, Any]),
    STORED_INPUTS: msgspec.msgpack.Decoder(dict[str, Reference]),
    SIGNALS: msgspec.msgpack.Decoder(Signals),
    REUSED: msgspec.msgpack.Decoder(tuple[str, ...]),
    TURNS: msgspec.msgpack.Decoder(bool),
    BOUNDS: msgspec.msgpack.Decoder(dict[str, int]),
    CAPS: msgspec.msgpack.Decoder(dict[str, int]),
    OTHER_CALLS: msgspec.msgpack.Decoder(dict[str, Booked]),
    PARENT: msgspec.msgpack.Decoder(Parent),
    ARMS: msgspec.msgpack.Decoder(tuple[RunArm, ...]),
    ARM_OUTCOMES: msgspec.msgpack.Decoder(tuple[RunOutcome, ...]),
    FLOW: msgspec.msgpack.Decoder(RunFlow),
}
