"""``run-events``: everything that happens to a run, in one order. Key: run id.

A run's whole life passes through one partition, so partition order is run order and the topic is the history
that replay reads. Money, results, timers and cancels share this inbox.
"""

from typing import ClassVar, Literal

from schemas.payload import Payload, Reference
from schemas.records.base import Attempt, ErrorInfo, Int64, Json, Millis, NanoDollars, Part, Record, Usage
from schemas.records.flow import RunFlow
from schemas.records.parents import Parent
from schemas.records.rollouts.arms import RunArm
from schemas.records.security.pinned import Question, RunSecurity
from schemas.records.timers import Timer
from schemas.run_states import RunEnd
from schemas.spec.model import ResolvedSpec

Capture = Literal["full", "redacted", "none"]
Chain = Literal["continues", "returned"]
"""What a worker does with the steps that are chained to a request: go on with them itself, or leave them."""


class _RunEvent(Record, frozen=True, kw_only=True):
    run_id: str
    org_id: str


class Reused(Part, frozen=True, kw_only=True):
    """What a node became in the run that this one goes on from.

    ``output`` of a node that succeeded; of a mapped one ``children`` instead, its children's outputs in order,
    or an ``output`` that is their list. Of a loop both: ``children`` are its iterations' outputs.
    """

    state: Literal["succeeded", "skipped"] = "succeeded"
    output: Payload | None = None
    children: list[Payload] | None = None


class RunSubmitted(_RunEvent, frozen=True, kw_only=True, tag_field="type", tag="run.submitted"):
    """A submission was accepted. ``body_hash`` tells a repeated submission from another one with its id.

    ``rules_version`` numbers the decision rules that the run starts and ends with. ``budget_nano`` caps the
    run's own spend, ``deadline_ms`` the time from its submission to its end. ``inputs`` are inline: a JSON object.
    Large ones among them are stored: ``inputs`` has null in their place, and ``stored_inputs`` where they are, by name.
    ``reuse`` are results by node id that the run begins with instead of asking for them; its ``source`` names the run
    that they come from, see ``schemas.ids.fork_source``. A run with ``turns`` waits for its admission. ``parent`` is
    the step that started the run, if one did; ``caps`` are the caps of that run and those that started it, by run.
    ``bounds`` are what nodes cost at most, of a run with a budget; ``unbounded``: not all of them are known.
    ``rollouts`` are its arms; the spec has their versions. ``security`` is there when its data is labelled.
    ``subject`` is the pseudonym of the person whose data it handles: all of its inputs and outputs are sealed with that
    person's key, see ``schemas.privacy.sealed``. A run with ``flow`` waits for its admission, too: it passes its gates.
    """

    type: ClassVar[str] = "run.submitted"
    source: str
    submission_id: str | None = None
    body_hash: str
    workflow_name: str
    workflow_version: Int64
    spec: ResolvedSpec
    inputs: dict[str, Json] = {}
    tags: dict[str, str] = {}
    budget_nano: NanoDollars | None = None
    capture: Capture = "full"
    submitted_at_ms: Millis
    traceparent: str | None = None
    rules_version: Int64 = 1
    deadline_ms: Int64 | None = None
    reuse: dict[str, Reused] = {}
    turns: bool = False
    stored_inputs: dict[str, Reference] = {}
    parent: Parent | None = None
    caps: dict[str, NanoDollars] = {}
    bounds: dict[str, NanoDollars] = {}
    unbounded: bool = False
    rollouts: list[RunArm] = []
    tracestate: str = ""
    security: RunSecurity | None = None
    subject: str = ""
    flow: RunFlow | None = None


class _StepOutcome(_RunEvent, frozen=True, kw_only=True):
    """What all outcomes of an attempt say. ``call_ids`` are the provider calls made, ``cost_nano`` their sum.

    ``chain`` is there when other steps are chained to the request. ``args_hash`` is there when the worker went on to
    the step by itself: it names the arguments that it bound. ``call_costs`` is the cost of each call, where there
    are several; ``presumed_calls`` are those whose cost is an estimate. ``redacted``: what the run's policy takes
    out of the log was taken out, and what it says of the output was done; a worker of ours, and the API for a leased
    step, say so of each outcome under a policy.
    """

    step_id: str
    attempt: Attempt
    worker_id: str = ""
    started_at_ms: Millis
    finished_at_ms: Millis
    usage: Usage = Usage()
    cost_nano: NanoDollars = 0
    provider: str | None = None
    model: str | None = None
    cached: bool = False
    call_ids: list[str] = []
    chain: Chain | None = None
    args_hash: str = ""
    call_costs: dict[str, NanoDollars] = {}
    presumed_calls: list[str] = []
    redacted: bool = False


class ToolUse(Part, frozen=True, kw_only=True):
    """One call of a tool that a model asks for. ``problem`` says why it cannot be made; then ``args`` are empty.

    In a run with a subject they are ``sealed`` instead.
    """

    id: str
    name: str
    args: dict[str, Json] = {}
    problem: str = ""
    sealed: Reference | None = None


class StepSucceeded(_StepOutcome, frozen=True, kw_only=True, tag_field="type", tag="step.succeeded"):
    """An attempt gave an output. A turn of an agent that does not answer yet says which ``tool_calls`` it asks for."""

    type: ClassVar[str] = "step.succeeded"
    output: Payload
    tool_calls: list[ToolUse] = []


class StepFailed(_StepOutcome, frozen=True, kw_only=True, tag_field="type", tag="step.failed"):
    """An attempt failed. What its calls cost still counts. ``exposed``: a rollout's prompt was rendered for it."""

    type: ClassVar[str] = "step.failed"
    error: ErrorInfo
    exposed: bool = False


class StepDeferred(_RunEvent, frozen=True, kw_only=True, tag_field="type", tag="step.deferred"):
    """The worker gives the attempt back unstarted: ask again at ``until_ms``. It is the same attempt.

    ``chain`` is there when other steps are chained to the request. With ``asks`` a person is asked first: then the
    attempt waits for the answer, whatever the time.
    """

    type: ClassVar[str] = "step.deferred"
    step_id: str
    attempt: Attempt
    until_ms: Millis
    reason: str
    deferral: Attempt = 1
    worker_id: str = ""
    chain: Chain | None = None
    asks: Question | None = None


class TimerFired(_RunEvent, frozen=True, kw_only=True, tag_field="type", tag="timer.fired"):
    """A timer that the run's state armed is due. The fold matches ``timer`` and compares no clocks."""

    type: ClassVar[str] = "timer.fired"
    timer: Timer
    due_ms: Millis


class CancelRequested(_RunEvent, frozen=True, kw_only=True, tag_field="type", tag="cancel.requested"):
    """Somebody asked to cancel the run.

    ``code`` is that of the run's error, ``canceled`` without one. ``by_run`` is the run for which flow control ends it.
    """

    type: ClassVar[str] = "cancel.requested"
    reason: str = ""
    requested_by: str = ""
    code: str = ""
    by_run: str = ""


class SignalReceived(_RunEvent, frozen=True, kw_only=True, tag_field="type", tag="signal.received"):
    """Something that the run may wait for has happened outside. A run takes the same ``signal_id`` once."""

    type: ClassVar[str] = "signal.received"
    name: str
    signal_id: str
    payload: Payload
    sent_by: str = ""


class RunAdmitted(_RunEvent, frozen=True, kw_only=True, tag_field="type", tag="run.admitted"):
    """It is the run's turn: it may start. The run gives its place back when it is over, or if it is already."""

    type: ClassVar[str] = "run.admitted"
    workflow_name: str


class ChildFinished(_RunEvent, frozen=True, kw_only=True, tag_field="type", tag="child.finished"):
    """The run that an attempt of a step started has ended, and the step waits for that.

    ``output`` is there when it succeeded, unless ``error`` says why it cannot be given. ``cost_nano`` and ``usage`` are
    what it had used by then, with the runs that it started and waited for. ``version`` orders what one run says: its
    cost may still change after its end. ``label`` is that of how it ended, where its data has labels.
    """

    type: ClassVar[str] = "child.finished"
    step_id: str
    attempt: Attempt
    child_run_id: str
    status: RunEnd
    output: Payload | None = None
    error: ErrorInfo | None = None
    cost_nano: NanoDollars = 0
    usage: Usage = Usage()
    version: Int64 = 0
    label: list[str] = []


class CallSettled(_RunEvent, frozen=True, kw_only=True, tag_field="type", tag="call.settled"):
    """A call of the run is settled in the ledger, and perhaps no outcome says so.

    Its worker died, so that it is ``presumed``, or its actual cost came after that. A run counts each call once,
    whatever says it: an actual cost replaces an estimate.
    """

    type: ClassVar[str] = "call.settled"
    step_id: str
    call_id: str
    kind: Literal["actual", "presumed"]
    amount_nano: NanoDollars


RunEvent = (
    RunSubmitted
    | RunAdmitted
    | StepSucceeded
    | StepFailed
    | StepDeferred
    | TimerFired
    | CancelRequested
    | SignalReceived
    | ChildFinished
    | CallSettled
)
