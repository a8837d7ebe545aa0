"""Chosen routes of a step's calls, and scores of their answers."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from schemas.api_models.base import Answer, Request, Text
from schemas.spec.policy import RouteBy, Tier


class ScoreStep(Request):
    """A score of a step's answer, from 0 (useless) to 1 (as good as can be).

    Without `attempt` it is of the last one. A later score of the same attempt replaces an earlier one.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_extra={"examples": [{"step_id": "summarize", "score": 0.8}]}
    )

    step_id: Text = Field(min_length=1, max_length=256)
    score: float = Field(ge=0, le=1, allow_inf_nan=False)
    name: Text = Field(default="", max_length=128)
    attempt: int | None = Field(default=None, ge=1, le=1_000_000)


class ScoreAccepted(Answer):
    """The score is in the log. It counts for the routes of `group`, if the node learns them; `counts_for` says all."""

    run_id: str
    step_id: str
    score: float
    group: str | None = None
    counts_for: list[Literal["routes", "rollout", "quality"]] = []


class RouteCandidate(Answer):
    """A route that could be taken. `probability`, `mean` and `deviation` are those of a learned choice."""

    route: str
    quality: float
    cost_nano: int
    latency_ms: float
    reliability: float
    parts: dict[str, float]
    score: float
    mean: float | None
    deviation: float | None
    probability: float | None
    context_tokens: int


class RouteExcluded(Answer):
    """A model that was no candidate, and why."""

    route: str
    reason: str
    detail: str


class RouteChoice(Answer):
    """One choice. `margin` is the lead of its score over the next best; `recomputes`: its reasons lead to its route."""

    attempt: int
    route: str
    by: RouteBy
    tier: Tier
    policy: str
    models: str
    propensity: float
    seed: str
    learned_from: int
    weights: dict[str, float]
    candidates: list[RouteCandidate]
    excluded: list[RouteExcluded]
    fallbacks: list[str]
    margin: float | None
    recomputes: bool


class RouteTry(Answer):
    """One request that a step's call led to: the first, a `fallback` after a failure, or a `hedge` of a slow one.

    `why` says what led to it, `skipped` which routes were passed over for it, and why.
    """

    attempt: int
    call_id: str
    kind: str
    route: str
    status: str
    error: str
    cost_nano: int
    latency_ms: float
    why: str
    skipped: list[RouteExcluded]


class StepRoutes(Answer):
    """The choices of a step's calls and the requests that they led to, oldest first."""

    run_id: str
    step_id: str
    choices: list[RouteChoice]
    tries: list[RouteTry]


Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0, le=1_000, allow_inf_nan=False)]


class TermWeights(Request):
    """The weights of a score's four terms."""

    cost: Weight = 0
    latency: Weight = 0
    quality: Weight = 0
    reliability: Weight = 0


class JudgedPolicy(Request):
    """Another way to choose routes: exactly one of a named policy, weights of a score, or fixed shares of routes."""

    by: RouteBy | None = None
    weights: TermWeights | None = None
    shares: dict[Text, Share] | None = Field(default=None, min_length=1, max_length=100)

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if sum(one is not None for one in (self.by, self.weights, self.shares)) != 1:
            raise ValueError("give exactly one of by, weights and shares")
        if self.shares is not None and not sum(self.shares.values()) > 0:
            raise ValueError("the shares sum to 0; give one route a share")
        if self.by == "learn":
            raise ValueError("learn is the policy of the log; give another one")
        return self


class EvaluateRoutes(Request):
    """Which decisions to judge by, and the other policy. A reward is score - cost - lateness by these weights."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={"examples": [{"prompt": "summarize", "tier": "silver", "policy": {"by": "cheapest"}}]},
    )

    prompt: Text = Field(min_length=1, max_length=256)
    tier: Tier
    policy: JudgedPolicy
    days: int = Field(default=7, ge=1, le=90)
    cost_per_usd: float = Field(default=10.0, ge=0, le=1_000_000, allow_inf_nan=False)
    lateness: float = Field(default=0.5, ge=0, le=1_000, allow_inf_nan=False)


class RouteEstimate(Answer):
    """A mean reward per decision with its 95% interval."""

    value: float
    low: float
    high: float


class RouteEvaluation(Answer):
    """The reward that the other policy would have earned, by three methods, and that of the logged one.

    `choices` decisions were judged by and `scored` of them have a score of their own; `skipped` had none of the
    policy's routes. `effective_sample` is how many equally weighted decisions tell as much, `clipped` the share of
    decisions whose weight was cut.
    """

    prompt: str
    tier: Tier
    choices: int
    skipped: int
    scored: int
    effective_sample: float
    clipped: float
    logged: RouteEstimate
    ips: RouteEstimate
    snips: RouteEstimate
    doubly_robust: RouteEstimate
