"""Workflows, prompts and budgets: definitions that runs use."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from schemas.api_models.base import Answer, Cents, Request, Text, Usd
from schemas.api_models.problem import ProblemPart
from schemas.budgets import Period, Scope
from schemas.spec.model import NAME_PATTERN

MAX_TEMPLATE_CHARS = 256 * 1024
MAX_VERSION = 999_999_999
"""The highest prompt version that ``name@version`` can express."""

_PERIODS = {"daily": "day", "monthly": "month"}


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
    """A workflow as lists show it: its newest version."""

    name: str
    version: int
    versions: int
    required_inputs: list[str]
    created_at: str | None


class WorkflowPage(Answer):
    """All workflows of the organisation."""

    workflows: list[WorkflowEntry]


class CreatePrompt(Request):
    """A new version of a prompt. The server numbers it when ``version`` is not given.

    ``template`` may have ``{{variable}}`` and ``{{.variable}}``. ``schema`` describes the variables; it is stored and
    not enforced.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        json_schema_extra={
            "examples": [
                {
                    "name": "document_analyzer",
                    "version": 3,
                    "template": "Analyze this document: {{.content}}",
                    "schema": {"content": {"type": "string", "required": True}},
                }
            ]
        },
    )

    name: str = Field(pattern=NAME_PATTERN)
    template: Text = Field(min_length=1, max_length=MAX_TEMPLATE_CHARS)
    version: int | None = Field(default=None, ge=1, le=MAX_VERSION, strict=True)
    variables: dict[str, Any] | None = Field(default=None, alias="schema")


class PromptAnswer(Answer):
    """One immutable version of a prompt. ``hash`` is the SHA-256 of its template."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, serialize_by_alias=True)

    id: str
    name: str
    version: int
    template: str
    hash: str
    variables: dict[str, Any] | None = Field(default=None, alias="schema")
    created_at: str | None


class PromptEntry(Answer):
    """A prompt as lists show it: its newest version."""

    name: str
    version: int
    versions: int
    hash: str
    created_at: str | None


class PromptPage(Answer):
    """All prompts of the organisation."""

    prompts: list[PromptEntry]


def _alias_period(value: object) -> object:
    return _PERIODS.get(value, value) if isinstance(value, str) else value


class CreateBudget(Request):
    """A spending limit for one window (UTC) of one scope.

    Give ``limit_cents`` or ``limit_usd``. Every scope but ``org`` needs a ``target``: the workflow, provider or model.
    It must exist, unless ``allow_unknown`` is true.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={"examples": [{"limit_cents": 1000, "period": "monthly"}]},
    )

    name: Text | None = Field(default=None, min_length=1, max_length=200)
    scope: Scope = "org"
    target: Text | None = Field(default=None, min_length=1, max_length=200)
    period: Annotated[Period, BeforeValidator(_alias_period)] = "month"
    limit_cents: Cents | None = None
    limit_usd: Usd | None = None
    allow_unknown: bool = False

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.limit_cents is None) == (self.limit_usd is None):
            raise ValueError("give either limit_cents or limit_usd")
        if (self.scope == "org") != (self.target is None):
            raise ValueError("name a target for every scope but org, and none for org")
        return self


_FIXED = ("scope", "target", "period")


class ChangeBudget(Request):
    """Changes of a budget; fields that are absent stay. A ``paused`` budget refuses nothing; its spend is counted.

    ``version`` is that of the budget as it was read: with another one in between, the change is refused (409).
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={"examples": [{"limit_usd": "100"}, {"paused": True}]},
    )

    name: Text | None = Field(default=None, min_length=1, max_length=200)
    limit_cents: Cents | None = None
    limit_usd: Usd | None = None
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
        return self


class BudgetAnswer(Answer):
    """A budget. Money is exact: decimal strings. Each change raises ``version`` by one."""

    id: str
    name: str
    scope: Scope
    target: str | None
    period: Period
    limit_cents: str
    limit_usd: str
    paused: bool
    version: int
    created_at: str | None
    updated_at: str | None


class BudgetPage(Answer):
    """All budgets of the organisation."""

    budgets: list[BudgetAnswer]


class BudgetStatus(BudgetAnswer):
    """A budget in its current window. ``held`` is reserved for calls in flight; ``remaining`` is never negative.

    ``state`` is ``exhausted`` when nothing remains, and ``paused`` when the budget refuses nothing.
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
