"""Deployments of prompts: what is asked, how far they are, and what their statistics say."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from schemas.api_models.base import Answer, Request, Text
from schemas.api_models.prompts.evaluations import Which
from schemas.api_models.prompts.versions import Label
from schemas.rollouts.plan import MOST_STEPS, Metric, Mode, Status

Share = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Runs = Annotated[int, Field(ge=1, le=10_000_000, strict=True)]
DurationMs = Annotated[int, Field(ge=0, le=90 * 86_400_000, strict=True)]
_Number = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
_Alpha = Annotated[float, Field(gt=0, lt=0.5, allow_inf_nan=False)]


class MetricRuleChange(Request):
    """A change of a metric's usual rule. A harm up to ``tolerated`` never rolls back; one of ``margin`` must be
    excluded before a promotion; ``alpha`` is the probability that an equal version is rolled back for this metric.
    """

    alpha: _Alpha | None = None
    margin: _Number | None = None
    tolerated: _Number | None = None
    scale: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)] | None = None


class StartDeployment(Request):
    """A version for an environment, which is a label of the prompt such as ``production``.

    Without ``version`` it is the newest. ``canary`` raises the version's share in ``steps`` and promotes it once it is
    certainly not worse; ``ab`` promotes it once its score is better; ``shadow`` calls both and shows stable alone;
    ``all`` moves the label at once. Without ``mode`` it is ``canary``, and ``all`` where the environment has no version
    yet. ``entity`` is the path of an input: all runs with the same value get the same
    version. ``metrics`` are those that are judged, ``rules`` changes single ones. Times are milliseconds.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={"examples": [{"version": 2, "environment": "production", "steps": [0.01, 0.1, 0.5]}]},
    )

    version: Which | None = None
    environment: Label
    mode: Mode | None = None
    steps: list[Share] | None = Field(default=None, min_length=1, max_length=MOST_STEPS)
    entity: Text | None = Field(default=None, min_length=1, max_length=256)
    metrics: list[Metric] | None = Field(default=None, min_length=1, max_length=4)
    rules: dict[Metric, MetricRuleChange] = {}
    step_runs: Runs | None = None
    step_ms: DurationMs | None = None
    least_runs: Runs | None = None
    least_ms: DurationMs | None = None
    most_ms: DurationMs | None = None
    outcome_ms: DurationMs | None = None
    score_ms: DurationMs | None = None
    message: Text = Field(default="", max_length=2_000)


class StepDeployment(Request):
    """The share of a later step of the plan, to which a deployment moves before the plan would."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [{"share": 0.5}]})

    share: Share


class MetricRuleAnswer(Answer):
    """How a metric is judged, see ``MetricRuleChange``. ``scale`` is the difference that the test finds best."""

    alpha: float
    margin: float
    tolerated: float
    scale: float


class DeploymentPlan(Answer):
    """The plan, which never changes while the deployment runs. Without ``entity`` runs are assigned by their ids."""

    mode: Mode
    steps: list[float]
    entity: str | None
    rules: dict[str, MetricRuleAnswer]
    brake_alpha: float
    promotion_alpha: float
    step_runs: int
    step_ms: int
    least_runs: int
    least_ms: int
    most_ms: int
    outcome_ms: int
    score_ms: int


class EvidenceAnswer(Answer):
    """Evidence as the logarithm of an e-value, valid at every look, and how much of it decides."""

    has: float
    needed: float


class MetricAnswer(Answer):
    """A metric of both versions, as means in ``unit``; of cost and latency geometric ones.

    ``harm`` is the difference that is tested, positive when the canary is worse, of cost and latency one of logarithms:
    0.1 is about 10%. It is within ``low`` and ``high`` at every look, each with the probability ``1 - alpha``.
    ``worse`` is the evidence for a rollback, ``not_worse`` that for the promotion, by ``margin``.
    """

    metric: Metric
    unit: Literal["score", "share", "usd", "ms"]
    stable: float
    canary: float
    stable_runs: int
    canary_runs: int
    harm: float
    low: float
    high: float
    margin: float
    alpha: float
    worse: EvidenceAnswer
    not_worse: EvidenceAnswer
    verdict: Literal["worse", "not_worse", "undecided", "too_few"]


class SplitAnswer(Answer):
    """How runs, or entities, were split, and the evidence that it was not by the plan's shares."""

    stable: int
    canary: int
    wrong: EvidenceAnswer
    alarmed: bool


class DeploymentStatistics(Answer):
    """The figures that decide, of all steps. ``as_of`` is ``now``, or the ``decision`` where only that is left.

    ``runs`` are those whose outcome was counted; ``awaited_outcomes`` and ``awaited_scores`` are not there yet.
    ``step_runs`` are the counted canary runs of each step.
    """

    as_of: Literal["now", "decision"]
    runs: int
    awaited_outcomes: int
    awaited_scores: int
    step_runs: list[int]
    metrics: list[MetricAnswer]
    split: SplitAnswer
    brake: EvidenceAnswer


class WaitingReason(Answer):
    """A condition that is missing before the next step or the promotion. ``code`` is a word for programs."""

    code: str
    text: str


class DeploymentDecision(Answer):
    """The newest decision: ``text`` says why, ``by`` is the id of a key where somebody did it by hand."""

    number: int
    status: Status
    reason: str
    text: str
    by: str
    at: str | None


class DeploymentLine(Answer):
    """A deployment as lists show it. ``step`` counts from 1, ``share`` is the canary's in it.

    ``stable_version`` is none where the environment had no version. ``problem`` says why the label did not follow.
    """

    id: str
    prompt: str
    environment: str
    mode: Mode
    status: Status
    stable_version: int | None
    canary_version: int
    step: int
    steps: int
    share: float
    project: str | None
    message: str
    started_by: str
    started_at: str | None
    ended_at: str | None
    decision: DeploymentDecision | None
    problem: str | None


class DeploymentAnswer(DeploymentLine):
    """A deployment with its statistics, and while it runs what its next step or its promotion waits for."""

    plan: DeploymentPlan
    statistics: DeploymentStatistics | None
    waiting: list[WaitingReason]


class DeploymentPage(Answer):
    """Deployments, the newest first."""

    deployments: list[DeploymentLine]
    next_cursor: str | None
