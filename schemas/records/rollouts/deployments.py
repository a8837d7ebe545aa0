"""``deployment-outcomes`` (key: organisation:prompt:environment): what became of the runs of a rollout, and control.

``deployment-decisions`` (same key) has what was decided, with its numbers.
"""

from typing import Annotated, ClassVar, Literal

import msgspec

from schemas.records.base import Int64, Millis, NanoDollars, Part, Record
from schemas.rollouts.plan import Arm, Metric, Plan, Status, rollout_key

Score = Annotated[float, msgspec.Meta(ge=0, le=1)]
StepNumber = Annotated[int, msgspec.Meta(ge=0, le=100)]


class _OfDeployment(Record, frozen=True, kw_only=True):
    """What all these records say: which deployment."""

    org_id: str
    prompt: str
    environment: str
    deployment_id: str

    @property
    def rollout(self) -> str:
        """The prompt's environment, which is the record's key."""
        return rollout_key(self.org_id, self.prompt, self.environment)


class _OfRun(_OfDeployment, frozen=True, kw_only=True):
    """What all records of an exposure say: which run, and its arm.

    ``run_id`` is the run that was submitted, also of a prompt that one of its children rendered: a run counts once.
    ``entity`` decided the arm if the plan is sticky, and ``step`` is the step of the plan whose ratio it was.
    """

    run_id: str
    arm: Arm
    step: StepNumber = 0
    entity: str = ""


class RunAssigned(_OfRun, frozen=True, kw_only=True, tag_field="type", tag="deployment.assigned"):
    """The prompt was rendered for a run, which is its exposure. The order of these records is the order of the data."""

    type: ClassVar[str] = "deployment.assigned"


class RunOutcome(_OfRun, frozen=True, kw_only=True, tag_field="type", tag="deployment.outcome"):
    """How the step that rendered the prompt ended, after its retries. The first outcome of a run counts.

    ``score`` is set when the outcome is scored at once; otherwise a ``RunScored`` may follow.
    """

    type: ClassVar[str] = "deployment.outcome"
    ok: bool
    cost_nano: NanoDollars = 0
    latency_ms: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    score: Score | None = None


class RunScored(_OfRun, frozen=True, kw_only=True, tag_field="type", tag="deployment.scored"):
    """Somebody scored the answer of a run, with 0 to 1. The first score of a run counts."""

    type: ClassVar[str] = "deployment.scored"
    score: Score


class DeploymentStarted(_OfDeployment, frozen=True, kw_only=True, tag_field="type", tag="deployment.started"):
    """A rollout begins. It replaces one that is over; while another runs it is ignored."""

    type: ClassVar[str] = "deployment.started"
    stable_version: Int64
    canary_version: Int64
    plan: Plan
    by: str = ""


class DeploymentStepped(_OfDeployment, frozen=True, kw_only=True, tag_field="type", tag="deployment.stepped"):
    """Somebody moves a rollout to a later step, before the plan would."""

    type: ClassVar[str] = "deployment.stepped"
    step: StepNumber
    by: str = ""


class DeploymentOverridden(_OfDeployment, frozen=True, kw_only=True, tag_field="type", tag="deployment.overridden"):
    """Somebody decides by hand: this stays, whatever the statistics say or said."""

    type: ClassVar[str] = "deployment.overridden"
    action: Literal["promote", "rollback", "stop"]
    by: str = ""


class MetricNumbers(Part, frozen=True, kw_only=True):
    """A metric as the decision saw it. ``harm`` is the difference of the means, positive when the canary is worse.

    ``bound`` is the half width around it that holds at every look. The evidence is ``log`` of an e-value: the rollback
    needs ``log(1 / alpha)`` of ``against``, the promotion ``log(1 / promotion_alpha)`` of ``not_inferior``.
    """

    metric: Metric
    stable_runs: Int64
    canary_runs: Int64
    stable: float
    canary: float
    harm: float
    bound: float
    against: float
    not_inferior: float
    alpha: float


class DeploymentDecided(_OfDeployment, frozen=True, kw_only=True, tag_field="type", tag="deployment.decided"):
    """The state that a rollout is in from now on, why, and the numbers. ``number`` rises; repeats are equal bytes.

    Its readers take the version of each arm from here: ``stable`` alone unless it is ``running``.
    """

    type: ClassVar[str] = "deployment.decided"
    number: Int64
    status: Status
    step: StepNumber
    ratio: float
    reason: str
    stable_version: Int64
    canary_version: Int64
    plan: Plan
    by: str = ""
    at_ms: Millis
    #: Runs whose outcome was counted, and the units (runs, or entities) that were assigned.
    runs: Int64 = 0
    stable_units: Int64 = 0
    canary_units: Int64 = 0
    #: Evidence, each as the logarithm of an e-value: of canary errors many times those of stable, and of a wrong split.
    brake: float = 0.0
    ratio_alarm: float = 0.0
    metrics: tuple[MetricNumbers, ...] = ()


DeploymentEvent = RunAssigned | RunOutcome | RunScored | DeploymentStarted | DeploymentStepped | DeploymentOverridden
