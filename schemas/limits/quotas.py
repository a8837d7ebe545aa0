"""Quotas: how much of a provider may be asked in a time. A limit is of requests, of tokens, or of calls at once.

A limit per minute is spread over the minute; one per day counts from midnight, UTC. ``tokens`` are input and output
together, as providers count them that have one limit for both. The output of a call is reserved at its ``max_tokens``.
"""

from typing import Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.spec.policy import Tier

Unit = Literal["requests", "tokens", "input_tokens", "output_tokens", "concurrent"]
Window = Literal["minute", "day", "call"]

MAX_LIMIT = 10**12
MAX_LIMITS = 100


class Limit(NamedTuple):
    """At most ``most`` of a unit in a window; a call is the window of ``concurrent``. 0 stands for what is learned."""

    unit: Unit
    window: Window
    most: int = 0

    @property
    def name(self) -> str:
        """The limit in words, such as ``600 requests a minute``."""
        if self.window == "call":
            return f"{self.most} calls at once"
        return f"{self.most} {self.unit.replace('_', ' ')} a {self.window}"


class Usage(NamedTuple):
    """What a call uses of each limit."""

    requests: int
    input_tokens: int
    output_tokens: int

    def of(self, unit: Unit) -> int:
        """Return the amount of one unit."""
        if unit in ("requests", "concurrent"):
            return self.requests
        if unit == "input_tokens":
            return self.input_tokens
        return self.output_tokens if unit == "output_tokens" else self.input_tokens + self.output_tokens


class QuotaLimits(BaseModel):
    """The limits of one provider or model, or of all that an organisation calls when neither is named."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider: str | None = Field(default=None, min_length=1, max_length=128)
    model: str | None = Field(default=None, min_length=1, max_length=256)
    requests_per_minute: int | None = Field(default=None, ge=1, le=MAX_LIMIT)
    requests_per_day: int | None = Field(default=None, ge=1, le=MAX_LIMIT)
    tokens_per_minute: int | None = Field(default=None, ge=1, le=MAX_LIMIT)
    tokens_per_day: int | None = Field(default=None, ge=1, le=MAX_LIMIT)
    input_tokens_per_minute: int | None = Field(default=None, ge=1, le=MAX_LIMIT)
    input_tokens_per_day: int | None = Field(default=None, ge=1, le=MAX_LIMIT)
    output_tokens_per_minute: int | None = Field(default=None, ge=1, le=MAX_LIMIT)
    output_tokens_per_day: int | None = Field(default=None, ge=1, le=MAX_LIMIT)
    max_concurrent: int | None = Field(default=None, ge=1, le=MAX_LIMIT)

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.model is not None and self.provider is None:
            raise ValueError("a model needs its provider; give provider, too")
        if not self.limits:
            raise ValueError(f"limits nothing; give at least one of {', '.join(_FIELDS)}")
        return self

    @property
    def limits(self) -> tuple[Limit, ...]:
        """The limits that are given."""
        given = ((field, getattr(self, field)) for field in _FIELDS)
        return tuple(Limit(*_FIELDS[field], most) for field, most in given if most is not None)

    def applies(self, provider: str, model: str) -> bool:
        """Tell whether a call of this route is under these limits."""
        return self.provider in (None, provider) and self.model in (None, model)


_FIELDS: dict[str, tuple[Unit, Window]] = {
    "requests_per_minute": ("requests", "minute"),
    "requests_per_day": ("requests", "day"),
    "tokens_per_minute": ("tokens", "minute"),
    "tokens_per_day": ("tokens", "day"),
    "input_tokens_per_minute": ("input_tokens", "minute"),
    "input_tokens_per_day": ("input_tokens", "day"),
    "output_tokens_per_minute": ("output_tokens", "minute"),
    "output_tokens_per_day": ("output_tokens", "day"),
    "max_concurrent": ("concurrent", "call"),
}


class OrganisationQuotas(BaseModel):
    """All quotas of an organisation, as its definition carries them."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    limits: tuple[QuotaLimits, ...] = Field(default=(), max_length=MAX_LIMITS)


class Scope(NamedTuple):
    """What shares limits: ``key`` names it in Redis, ``name`` for people."""

    key: str
    name: str
    limits: tuple[Limit, ...]


class Ask(NamedTuple):
    """A call that needs room.

    ``ticket`` is its place in a queue, stable while it waits, also when its step comes back. ``credential`` names the
    provider's key without revealing it; empty where the provider has none. ``lasts_ms`` is how long the call can take
    at most.
    """

    org_id: str
    workflow: str
    tier: Tier
    provider: str
    model: str
    credential: str
    call_id: str
    ticket: str
    usage: Usage
    lasts_ms: int


class Observed(NamedTuple):
    """A limit as a provider's answer states it. ``reset_ms`` is until all of it is free again; ``None`` is unknown."""

    unit: Unit
    most: int
    left: int
    reset_ms: int | None = None


class Taken(NamedTuple):
    """Room that a call has. It may start after ``wait_ms``."""

    ask: Ask
    scopes: tuple[Scope, ...]
    wait_ms: float = 0.0


class Made(NamedTuple):
    """What became of a call that had room: what it used; what its provider said of its limits.

    ``blocked_ms`` is how long the provider takes no call, of a 429.
    """

    used: Usage
    observed: tuple[Observed, ...] = ()
    blocked_ms: int = 0


class Waiting(NamedTuple):
    """There is no room before ``wait_ms`` have passed, for the limit of a scope. ``back`` says to come back then."""

    wait_ms: float
    scope: Scope
    limit: Limit
    back: bool
