"""How long runs are kept, and the holds that keep them longer."""

from typing import Annotated

from pydantic import ConfigDict, Field, JsonValue

from schemas.api_models.base import Answer, Request, Text

HoldName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
_Name = Annotated[Text, Field(min_length=1, max_length=200)]
_Time = Annotated[str | None, Field(max_length=64, description="RFC 3339, or a span back from now (`90d`).")]
_EXAMPLE: dict[str, JsonValue] = {"name": "case-7", "reason": "case 7", "workflow_name": "claims", "since": "30d"}


class HoldRuns(Request):
    """A legal hold. A condition that is omitted matches every run; times are of submissions, `until` is exclusive."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    name: HoldName
    reason: Annotated[Text, Field(min_length=1, max_length=1_000)]
    run_id: _Name | None = None
    workflow_name: _Name | None = None
    since: _Time = None
    until: _Time = None


class RunHoldAnswer(Answer):
    """A legal hold: neither retention nor a request deletes a run that it matches."""

    name: str
    reason: str
    run_id: str | None
    workflow_name: str | None
    since: str | None
    until: str | None
    created_by: str
    created_at: str | None


class RunHoldPage(Answer):
    """The legal holds in force, by name."""

    holds: list[RunHoldAnswer]


class RetentionAnswer(Answer):
    """For how many days ended runs, traces, stored objects and costs of single calls are kept; null: for ever.

    ``audit_days`` are those of entries of the organisation's audit log, by kind.
    """

    runs_days: int | None
    traces_days: int
    objects_days: int | None = None
    costs_days: int | None = None
    audit_days: dict[str, int | None] = {}
