"""Chosen routes of a step's calls, and scores of their answers."""

from pydantic import ConfigDict, Field

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
    """The score is in the log; it counts for the routes of `group`."""

    run_id: str
    step_id: str
    score: float
    group: str


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


class StepRoutes(Answer):
    """The choices of a step's calls, oldest first."""

    run_id: str
    step_id: str
    choices: list[RouteChoice]
