"""Workflows and budgets: definitions that runs use."""

from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from schemas.api_models.base import Answer, Request, Text
from schemas.api_models.problem import ProblemPart
from schemas.budgets import THRESHOLDS, Policy, Scope
from schemas.money import MAX_LIMIT_NANO, NANO_PER_DOLLAR, check_cents, check_usd
from schemas.values.fields import ASCII_DECIMAL
from schemas.windows import Period, WeekDay, is_zone

_PERIODS = {"hourly": "hour", "daily": "day", "weekly": "week", "monthly": "month", "quarterly": "quarter"}
_MAX_USD = Decimal(MAX_LIMIT_NANO) / NANO_PER_DOLLAR


class WorkflowAnswer(Answer):
    """One immutable version of a workflow. ``required_inputs`` are the inputs that a run must provide.

    ``warnings``, after a registration, are what runs will meet unless workers or prices change.
    """

    name: str
    version: int
    hash: str
    required_inputs: list[str]
    created_at: str | None
    spec: dict[str, Any]
    warnings: list[ProblemPart] = []


class InlinePromptAnswer(Answer):
    """A prompt that is written inside a node: the version that it has, or would get."""

    node: str
    id: str
    hash: str


class WorkflowDryRun(Answer):
    """The version that a registration would store (``new``), or find. Nothing was stored.

    ``known_inputs`` are the inputs that a run may give, ``null`` if these may be any. ``prompts`` are those inside of
    nodes, ``workflows`` the versions that it reaches now, ``queues`` the topics that it needs.
    """

    dry_run: Literal[True] = True
    name: str
    version: int
    new: bool
    hash: str
    required_inputs: list[str]
    known_inputs: list[str] | None
    prompts: list[InlinePromptAnswer]
    workflows: list[str]
    queues: list[str]
    warnings: list[ProblemPart]
    spec: dict[str, Any]


class WorkflowEntry(Answer):
    """A workflow as lists show it: its newest version, with what it says of itself and of its inputs."""

    name: str
    version: int
    versions: int
    required_inputs: list[str]
    created_at: str | None
    description: str = ""
    input_schema: dict[str, Any] | None = None


class WorkflowPage(Answer):
    """All workflows of the organisation."""

    workflows: list[WorkflowEntry]


def _alias_period(value: object) -> object:
    return _PERIODS.get(value, value) if isinstance(value, str) else value


LimitCents = Annotated[
    Decimal, Field(ge=0, le=_MAX_USD * 100, allow_inf_nan=False), AfterValidator(check_cents), ASCII_DECIMAL
]
"""The limit of a budget in US cents, up to 9 billion dollars."""
LimitUsd = Annotated[Decimal, Field(ge=0, le=_MAX_USD, allow_inf_nan=False), AfterValidator(check_usd), ASCII_DECIMAL]
"""The limit of a budget in US dollars."""
Threshold = Annotated[int, Field(ge=1, le=1_000, strict=True)]
Thresholds = Annotated[list[Threshold], Field(max_length=20)]
"""Percentages of the limit."""


def _time_zone(name: str) -> str:
    if not is_zone(name):
        raise ValueError("is not a time zone of the IANA database; give a name such as Europe/Berlin, or UTC")
    return name


class CreateBudget(Request):
    """A spending limit for one window of one scope.

    Give ``limit_cents`` or ``limit_usd``. Every scope but ``org`` needs a ``target``: the workflow, provider, model,
    project, prompt, user or id of an API key, ``<workflow>/<node>``, or ``<tag>=<value>``. A workflow, provider or
    model must exist, unless ``allow_unknown`` is true. Windows are those of a calendar in ``timezone``, or ``sliding``.
    ``on_exceeded`` is what is done with a call that has no room. Above the soft limit a budget that steps down does so.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={"examples": [{"limit_cents": 1000, "period": "monthly"}]},
    )

    name: Text | None = Field(default=None, min_length=1, max_length=200)
    scope: Scope = "org"
    target: Text | None = Field(default=None, min_length=1, max_length=400)
    period: Annotated[Period, BeforeValidator(_alias_period)] = "month"
    timezone: Annotated[Text, AfterValidator(_time_zone)] = "UTC"
    week_start: WeekDay = "monday"
    sliding: bool = Field(default=False, strict=True)
    limit_cents: LimitCents | None = None
    limit_usd: LimitUsd | None = None
    soft_limit_cents: LimitCents | None = None
    soft_limit_usd: LimitUsd | None = None
    on_exceeded: Policy = "reject"
    thresholds: Thresholds = list(THRESHOLDS)
    allow_unknown: bool = False

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.limit_cents is None) == (self.limit_usd is None):
            raise ValueError("give either limit_cents or limit_usd")
        if self.soft_limit_cents is not None and self.soft_limit_usd is not None:
            raise ValueError("give either soft_limit_cents or soft_limit_usd")
        if (self.scope == "org") != (self.target is None):
            raise ValueError("name a target for every scope but org, and none for org")
        _check_target(self.scope, self.target)
        return self

    @model_validator(mode="after")
    def _window(self) -> Self:
        if self.period == "total" and self.sliding:
            raise ValueError("a total does not slide: omit sliding, or give another period")
        if self.period == "total" and self.on_exceeded == "wait":
            raise ValueError("a total has no next window to wait for: give another period, or another on_exceeded")
        if self.sliding and self.timezone != "UTC":
            raise ValueError("a sliding window has no time zone: omit timezone, or sliding")
        return self


def _check_target(scope: Scope, target: str | None) -> None:
    if scope == "tag" and not (target or "").partition("=")[2]:
        raise ValueError("the target of a tag is <tag>=<value>, for example team=research")
    if scope == "node" and not all((target or "").partition("/")[::2]):
        raise ValueError("the target of a node is <workflow>/<node>, for example report/summarize")


_FIXED = ("scope", "target", "period", "timezone", "week_start", "sliding")


class ChangeBudget(Request):
    """Changes of a budget; fields that are absent stay. A ``paused`` budget refuses nothing; its spend is counted.

    ``version`` is that of the budget as it was read: with another one in between, the change is refused (409).
    A soft limit of ``null`` is removed.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={"examples": [{"limit_usd": "100"}, {"paused": True}]},
    )

    name: Text | None = Field(default=None, min_length=1, max_length=200)
    limit_cents: LimitCents | None = None
    limit_usd: LimitUsd | None = None
    soft_limit_cents: LimitCents | None = None
    soft_limit_usd: LimitUsd | None = None
    on_exceeded: Policy | None = None
    thresholds: Thresholds | None = None
    paused: bool | None = Field(default=None, strict=True)
    version: int | None = Field(default=None, ge=1, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _not_another(cls, data: object) -> object:
        fixed = [name for name in _FIXED if name in data] if isinstance(data, dict) else []
        if fixed:
            raise ValueError(f"{', '.join(fixed)} cannot change: create another budget, and delete this one")
        return data

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        if self.limit_cents is not None and self.limit_usd is not None:
            raise ValueError("give either limit_cents or limit_usd")
        if self.soft_limit_cents is not None and self.soft_limit_usd is not None:
            raise ValueError("give either soft_limit_cents or soft_limit_usd")
        return self


class BudgetAnswer(Answer):
    """A budget. Money is exact: decimal strings. Each change raises ``version`` by one."""

    id: str
    name: str
    scope: Scope
    target: str | None
    period: Period
    timezone: str
    week_start: WeekDay
    sliding: bool
    limit_cents: str
    limit_usd: str
    soft_limit_cents: str | None
    soft_limit_usd: str | None
    on_exceeded: Policy
    thresholds: list[int]
    paused: bool
    version: int
    created_at: str | None
    updated_at: str | None


class BudgetPage(Answer):
    """All budgets of the organisation."""

    budgets: list[BudgetAnswer]


class BudgetForecast(Answer):
    """The spend of a budget's window at its end, in US dollars; `low` and `high` bound 80 of 100 cases.

    The bounds are `null` when the past is too short (`past_slots`); a window without an end has no forecast at all.
    """

    id: str
    window: str
    window_ends_at: str | None
    spent_usd: str
    limit_usd: str
    forecast_usd: str | None
    low_usd: str | None
    high_usd: str | None
    interval_percent: Literal[80] = 80
    past_slots: int


class BudgetStatus(BudgetAnswer):
    """A budget in its current window. ``held`` is reserved for calls in flight; ``remaining`` is never negative.

    ``state`` is ``exhausted`` when nothing remains, and ``paused`` when the budget refuses nothing. ``counted_since``
    is the time from which a budget with a counter of its own has counted; ``null`` where all spend is always counted,
    and until a new budget is counted.
    """

    window: str
    state: Literal["open", "exhausted", "paused"]
    spent_cents: str
    spent_usd: str
    held_cents: str
    held_usd: str
    remaining_cents: str
    remaining_usd: str
    next_window_at: str | None
    counted_since: str | None
