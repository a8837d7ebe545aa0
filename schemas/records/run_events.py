"""``run-events``: everything that happens to a run, in one order. Key: run id.

A run's whole life passes through one partition, so partition order is run order and the topic is the history
that replay reads. Money, results, timers and cancels share this inbox.
"""

from typing import Annotated, Literal

from pydantic import Field

from schemas.payload import Payload
from schemas.records.base import ErrorInfo, Json, Millis, NanoDollars, Record, Usage
from schemas.spec import ResolvedSpec

Capture = Literal["full", "redacted", "none"]


class _RunEvent(Record):
    run_id: str
    org_id: str


class RunSubmitted(_RunEvent):
    """A submission was accepted. ``body_hash`` tells a repeated submission from another one with its id.

    ``semantics`` numbers the decision rules that the run starts and ends with. ``budget_nano`` caps the
    run's own spend. ``inputs`` are inline: a JSON object.
    """

    type: Literal["run.submitted"] = "run.submitted"
    source: str
    submission_id: str | None = None
    body_hash: str
    workflow_name: str
    workflow_version: int
    spec: ResolvedSpec
    inputs: dict[str, Json] = {}
    tags: dict[str, str] = {}
    budget_nano: NanoDollars | None = None
    capture: Capture = "full"
    submitted_at_ms: Millis
    traceparent: str | None = None
    semantics: int = 1


class _StepOutcome(_RunEvent):
    """What all outcomes of an attempt say. ``call_ids`` are the provider calls made, ``cost_nano`` their sum."""

    step_id: str
    attempt: int = Field(ge=1)
    worker_id: str = ""
    started_at_ms: Millis
    finished_at_ms: Millis
    usage: Usage = Usage()
    cost_nano: NanoDollars = 0
    provider: str | None = None
    model: str | None = None
    cached: bool = False
    call_ids: list[str] = []


class StepSucceeded(_StepOutcome):
    """An attempt gave an output."""

    type: Literal["step.succeeded"] = "step.succeeded"
    output: Payload


class StepFailed(_StepOutcome):
    """An attempt failed. What its calls did cost still counts."""

    type: Literal["step.failed"] = "step.failed"
    error: ErrorInfo


class StepDeferred(_RunEvent):
    """The worker gives the attempt back unstarted: ask again at ``until_ms``. It is the same attempt."""

    type: Literal["step.deferred"] = "step.deferred"
    step_id: str
    attempt: int = Field(ge=1)
    until_ms: Millis
    reason: str
    deferral: int = Field(default=1, ge=1)
    worker_id: str = ""


class TimerFired(_RunEvent):
    """A timer that the run's state armed is due. The fold matches ``timer_id`` and compares no clocks."""

    type: Literal["timer.fired"] = "timer.fired"
    timer_id: str
    due_ms: Millis


class CancelRequested(_RunEvent):
    """Somebody asked to cancel the run."""

    type: Literal["cancel.requested"] = "cancel.requested"
    reason: str = ""
    requested_by: str = ""


RunEvent = Annotated[
    RunSubmitted | StepSucceeded | StepFailed | StepDeferred | TimerFired | CancelRequested,
    Field(discriminator="type"),
]
