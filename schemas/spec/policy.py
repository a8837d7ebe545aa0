"""Policies of a node: the guide's ``quality`` and ``sla_ms``, with timeouts and retries."""

from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from schemas.spec.provider_options import option_problems

Tier = Literal["gold", "silver", "bronze"]
TIERS: tuple[Tier, ...] = ("gold", "silver", "bronze")
DEFAULT_TIER: Tier = "silver"

OnUnknown = Literal["retry", "fail", "reconcile"]
Idempotency = Literal["step", "attempt"]
RouteBy = Literal["cheapest", "fastest", "best", "balanced", "learn"]

PromptCache = Literal["never", "5m", "1h"]
"""How long a provider keeps a prompt's stable beginning, where it keeps it only when asked."""

BatchMode = Literal["auto", "never", "only"]
"""Whether calls go by batch: where their time allows it, never, or in no other way."""

Effort = Literal["none", "minimal", "low", "medium", "high"]
"""How long a reasoning model thinks before it answers."""


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


NO_CODE = "none"
"""A code that no error has."""


class Retries(BaseModel):
    """Number and times of retries of a failed attempt.

    The wait before attempt ``n + 1`` is ``initial_ms * multiplier ** (n - 1)``, at most ``max_ms``, minus a
    deterministic jitter of up to ``jitter`` (a share, 0 to 1) of it. ``retry_on`` names error codes that are retried,
    whatever their class; empty means every error that is classed retryable. A document's own ``[]`` means none, and is
    stored as ``NO_CODE``, which no error has.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_attempts: int = Field(default=3, ge=1, le=100)
    initial_ms: int = Field(default=500, ge=0, le=3_600_000)
    multiplier: float = Field(default=2.0, ge=1.0, le=100.0, allow_inf_nan=False)
    max_ms: int = Field(default=60_000, ge=0, le=86_400_000)
    jitter: float = Field(default=0.2, ge=0.0, le=1.0, allow_inf_nan=False)
    retry_on: list[str] = []


#: ``provider/model`` with ``*`` for any text.
ROUTE_PATTERN = r"^[A-Za-z0-9*][A-Za-z0-9_.:@*-]{0,127}/[A-Za-z0-9_.:/@*-]{1,256}$"


class RoutePolicy(BaseModel):
    """How the route of a node's calls is chosen, and the models that it is limited to; none is no limit.

    ``learn`` chooses by what earlier outcomes of the prompt were worth, and records each choice. Its calls cost
    ``mean_cost_cents`` on average at most. A call that fails at its route is sent to up to ``max_fallbacks`` others
    within the attempt. ``hedge`` is whether a call that is slower than 95% of its like is also sent to another route,
    and the first answer taken: ``auto`` or ``never``; without it, ``auto`` for Gold only.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: RouteBy
    models: list[Annotated[str, Field(pattern=ROUTE_PATTERN)]] = Field(default=[], max_length=100)
    mean_cost_cents: Decimal | None = Field(default=None, gt=0, le=1_000_000, allow_inf_nan=False)
    max_fallbacks: int = Field(default=2, ge=0, le=10)
    hedge: Literal["auto", "never"] | None = None

    @model_validator(mode="after")
    def _has_ceiling_only_to_learn(self) -> Self:
        if self.mean_cost_cents is not None and self.by != "learn":
            raise ValueError("mean_cost_cents needs by: learn; leave it out, or let routes learn")
        return self


def _route(value: object) -> object:
    return {"by": value} if isinstance(value, str) else value


class Policy(BaseModel):
    """The policy of a node.

    ``quality`` is the tier (Gold, Silver, Bronze; case does not matter), ``sla_ms`` a target that steers and is counted
    when missed, ``timeout_ms`` the longest time of one attempt before it fails. A node that is ``optional`` may fail
    for good without failing its run. ``priority`` orders the steps of a run that wait for a concurrency slot: the
    highest first. ``on_unknown`` is the policy for an attempt with an unknown outcome: it is made again, fails its
    step, or the tool looks it up (``reconcile``). ``idempotency`` is whether all attempts of a step send one
    idempotency key or each its own. ``route`` lets the model be chosen for each call; a text is its ``by``. A node that
    pins its model, or has no ``route``, is never routed. ``stream`` asks models for streamed answers, so that a call
    records when its first piece came; the output is the same. ``data_class`` names what kind of data its prompts have,
    so that they are sent only where that may go. ``provider_options`` are fields of a provider's own wire, by provider,
    which it is handed as they are. ``prompt_cache`` asks providers that cache no prompt by themselves to do so.
    ``batch`` lets calls go to their provider in batches, at half the price and within a day: ``auto`` where ``sla_ms``
    leaves the time, ``only`` in no other way.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    quality: Annotated[Tier, BeforeValidator(_lower)] = DEFAULT_TIER
    sla_ms: int | None = Field(default=None, gt=0)
    timeout_ms: int | None = Field(default=None, gt=0, le=86_400_000)
    retries: Retries = Retries()
    optional: bool = False
    priority: int = Field(default=0, ge=-1_000, le=1_000)
    on_unknown: OnUnknown = "retry"
    idempotency: Idempotency = "step"
    route: Annotated[RoutePolicy | None, BeforeValidator(_route)] = None
    data_class: str = Field(default="", pattern=r"^([a-z0-9][a-z0-9_.-]{0,63})?$")
    stream: bool = False
    provider_options: dict[str, dict[str, Any]] = {}
    prompt_cache: PromptCache = "never"
    batch: BatchMode = "never"

    @model_validator(mode="after")
    def _options_are_handed_on(self) -> Self:
        for place, problem, fix in option_problems(self.provider_options):
            raise ValueError(f"provider_options{'.' if place else ''}{place} {problem}; {fix}")
        return self
