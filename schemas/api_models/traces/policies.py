"""Another policy over recorded calls: routes, prices, caches, budgets, quotas, guards; and what it leads to."""

from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.api_models.base import Answer, Request, Text
from schemas.budgets import Scope
from schemas.price_lists import PriceEntry
from schemas.windows import Period

MAX_RULES = 100
_Route = Annotated[str, Field(pattern=r"^[^/\s]+/\S+$", max_length=512)]
_Name = Annotated[Text, Field(min_length=1, max_length=256)]
_Count = Annotated[int, Field(ge=1, le=1_000_000_000)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CallMatch(_Part):
    """The calls of a rule: those that have all that is given."""

    workflow: _Name | None = None
    node: _Name | None = None
    prompt: _Name | None = None
    provider: _Name | None = None
    model: _Name | None = None


class RouteRule(_Part):
    """Calls that match go `to` a route, `provider/model`; with `share` those of that share of runs (a canary)."""

    match: CallMatch = CallMatch()
    to: _Route
    share: float = Field(default=1.0, gt=0, le=1, allow_inf_nan=False)


class PolicyPrices(_Part):
    """Other prices: `entries` replace those of their models, and `factor` multiplies every cost."""

    entries: tuple[PriceEntry, ...] = Field(default=(), max_length=MAX_RULES)
    factor: Decimal = Field(default=Decimal(1), ge=0, le=1_000_000, decimal_places=6)


class PolicyCache(_Part):
    """Answers that stand in for equal requests: as `recorded`, `off`, or `exact` for `ttl_s` seconds."""

    mode: Literal["recorded", "off", "exact"] = "recorded"
    ttl_s: Annotated[int, Field(ge=1, le=31_536_000)] = 3_600


class PolicyBudget(_Part):
    """A budget that refuses calls. `target` is what the scope is one of, as in budgets."""

    scope: Scope = "org"
    target: _Name | None = None
    period: Period = "month"
    limit_usd: Decimal = Field(ge=0, le=9_000_000_000, decimal_places=9)
    timezone: str = "UTC"


class PolicyQuota(_Part):
    """How much of a provider, or of one model, may be used a minute. A call waits for `max_wait_s` at most."""

    provider: _Name
    model: _Name | None = None
    requests_per_minute: _Count | None = None
    tokens_per_minute: _Count | None = None
    max_wait_s: float = Field(default=60.0, ge=0, le=86_400, allow_inf_nan=False)

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.requests_per_minute is None and self.tokens_per_minute is None:
            raise ValueError("limits nothing; give requests_per_minute or tokens_per_minute")
        return self


class PolicyGuard(_Part):
    """Calls that are refused: with more than so many input tokens, and those that the rules of a `pack` deny.

    `pack` is a document of policy. Its rules at `model_call` decide by the recorded labels of a call; those that route
    send it elsewhere. `ask` refuses.
    """

    max_input_tokens: _Count | None = None
    pack: dict[str, Any] | None = None


class PolicyDocument(_Part):
    """A policy. What it does not name is as it was; the first rule of `routes` that matches counts."""

    routes: tuple[RouteRule, ...] = Field(default=(), max_length=MAX_RULES)
    prices: PolicyPrices = PolicyPrices()
    cache: PolicyCache = PolicyCache()
    budgets: tuple[PolicyBudget, ...] = Field(default=(), max_length=MAX_RULES)
    quotas: tuple[PolicyQuota, ...] = Field(default=(), max_length=MAX_RULES)
    guard: PolicyGuard = PolicyGuard()


class ReplayPolicy(Request):
    """A policy, and the window of calls that it is replayed over: times as RFC 3339, or `24h` for a span back."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "policy": {"routes": [{"match": {"workflow": "report"}, "to": "local/local-silver"}]},
                    "since": "7d",
                }
            ]
        },
    )

    policy: PolicyDocument
    since: Annotated[Text, Field(max_length=64)] = "7d"
    until: Annotated[Text, Field(max_length=64)] | None = None
    workflow: _Name | None = None


class Interval(Answer):
    """A figure with its 95% interval. `known` is the share of calls that it rests on, 0 to 1."""

    value: float
    low: float
    high: float
    known: float


class PolicyLane(Answer):
    """The result of a policy. `refused` calls found no room, or broke a guard; `not_made` followed them in
    their runs. Latency is the mean of calls that were made, with their waits for quotas; quality that of scores.
    """

    cost_nano: int
    cost_usd: str
    calls: int
    cached: int
    refused: int
    refused_by: dict[str, int]
    not_made: int
    cut_runs: int
    latency_ms: Interval | None
    quality: Interval | None


class PolicyCoverage(Answer):
    """The calls that the figures rest on. Shares are of calls.

    `unchanged` calls keep their route, so that all of them is known; of `evidence` the log has enough calls of the same
    node on the new route; of `unknown` it has not, and their tokens are taken to be the same. `unpriced` have no price
    on the new route. `not_reproduced` are calls whose recorded cost the baseline does not compute; `unhashed` have no
    captured request, so that no cache can know them; `unlabelled` have no labels, and a pack trusts them least.
    """

    calls: int
    runs: int
    from_ms: int
    to_ms: int
    unchanged: float
    evidence: float
    unknown: float
    unpriced: int
    not_reproduced: int
    unhashed: int
    scored: float
    unlabelled: int


class PolicyReport(Answer):
    """Three lanes: as it was `recorded`, the `baseline` (the same calls, computed again), and the candidate.

    `baseline_off_nano` is how far the baseline is from the record, call by call; `cost_difference_nano` is the
    candidate less the baseline, with an interval for tokens that another model would have used. `replayed_s` is how
    long the window is, `took_s` how long the replay took.
    """

    recorded_nano: int
    baseline_off_nano: int
    baseline: PolicyLane
    candidate: PolicyLane
    cost_difference_nano: int
    cost_difference_usd: str
    cost_interval_nano: tuple[int, int]
    latency_difference_ms: Interval | None
    quality_difference: Interval | None
    coverage: PolicyCoverage
    replayed_s: float
    took_s: float
