"""Leases of steps for users' own workers."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from schemas.api_models.base import Answer, Request, Text, Usd

WorkerId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
LeaseText = Annotated[str, Field(min_length=1, max_length=1_000)]
QueueOwner = Literal["organisation", "installation"]
#: JSON, in bytes.
MAX_PROGRESS = 64 * 1024
MAX_LEASES = 32
MAX_WAIT_S = 30


class _OfQueue(Request):
    """``of`` says whose queue of that name it is; one of the installation needs the platform's own key."""

    of: QueueOwner = "organisation"


class LeaseSteps(_OfQueue):
    """Up to ``max`` steps, each for ``lease_s`` seconds; the answer waits ``wait_s`` seconds for the first one."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={"examples": [{"worker_id": "laptop-1", "max": 4, "lease_s": 30, "wait_s": 20}]},
    )

    worker_id: WorkerId
    max: int = Field(default=1, ge=1, le=MAX_LEASES)
    lease_s: float = Field(default=30, ge=1, le=3_600)
    wait_s: float = Field(default=20, ge=0, le=MAX_WAIT_S)


class LeasedWork(Answer):
    """The work: call the tool or function ``name``, made with ``config``. Other kinds have further fields."""

    model_config = ConfigDict(frozen=True, extra="allow")

    kind: str
    name: str = ""
    config: dict[str, Any] = {}


class LeasedStep(Answer):
    """An attempt of a step, leased until ``lease_s`` seconds from now.

    ``starts`` counts how often it was leased, this time included; ``progress`` is the last one that a former start or
    the attempt before has sent. ``on_unknown`` is the node's policy for an attempt that was started before.
    """

    lease: str
    lease_s: float
    run_id: str
    org_id: str
    step_id: str
    node_id: str
    attempt: int
    starts: int
    workflow_name: str
    workflow_version: int
    work: LeasedWork
    args: dict[str, Any]
    idempotency_key: str
    timeout_ms: int | None
    progress: Any
    on_unknown: str
    capture: str
    compensation: bool
    tags: dict[str, str]


class LeasedSteps(Answer):
    """Leased steps; none when no step came in time."""

    leases: list[LeasedStep]


class FailedStep(Request):
    """The reason of a failed attempt. ``code`` is stable; a retryable one is retried as the node's policy says."""

    code: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    message: Text = Field(default="", max_length=2_000)
    retryable: bool = False
    retry_after_ms: int | None = Field(default=None, ge=0, lt=1 << 53)


class StatedCost(Request):
    """The cost of the work: it counts towards the run and its budgets. Without it a step costs nothing."""

    usd: Usd
    provider: Text = Field(default="custom", min_length=1, max_length=100)
    model: Text = Field(default="custom", min_length=1, max_length=100)


class CompleteStep(_OfQueue):
    """The outcome of a leased attempt: an ``output``, any JSON value, or an ``error``."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_extra={"examples": [{"lease": "…", "output": {"words": 271}}]}
    )

    lease: LeaseText
    output: Any = None
    error: FailedStep | None = None
    cost: StatedCost | None = None

    @model_validator(mode="after")
    def _one_outcome(self) -> "CompleteStep":
        if ("output" in self.model_fields_set) == (self.error is not None):
            raise ValueError("send either an output or an error")
        return self


class StepCompleted(Answer):
    """The outcome is stored. ``repeated``: this lease had stored one before, which counts."""

    repeated: bool


class ExtendLease(_OfQueue):
    """A heartbeat. ``progress`` is any JSON value of up to 64 KiB, for a later start; without it the last one stays."""

    lease: LeaseText
    progress: Any = None


class LeaseExtended(Answer):
    """The lease lasts for another ``lease_s`` seconds, or its run was ``canceled``: nobody waits for the step."""

    canceled: bool
    lease_s: float


class ReleaseLease(_OfQueue):
    """A step that its worker cannot do now; another one may lease it at once."""

    lease: LeaseText


class LeaseReleased(Answer):
    """The step was returned. ``released`` is false if the lease was over before."""

    released: bool
