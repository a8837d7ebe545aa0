"""Schedules: runs at scheduled times."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from schemas.api_models.base import Answer, Cents, Request, Tags, TagValue, Text
from schemas.api_models.runs import RunDryRun
from schemas.spec.model import NAME_PATTERN
from schemas.timestamps import parse_time

Overlap = Literal["skip", "queue_one", "allow", "cancel_previous"]
Catchup = Literal["all", "latest", "none"]

MAX_CATCHUP = 1_000
MAX_BACKFILL = 1_000
_YEAR_S = 366 * 86_400

Name = Text
_VERSION = Field(default=None, ge=1, le=1_000_000_000, strict=True)


class CreateSchedule(Request):
    """A schedule: ``cron`` (five fields) with a ``time_zone``, or ``interval_s``, and the submission of each slot.

    Its runs spend for ``project``. ``{{slot}}`` in a text of ``inputs`` becomes the slot's time. ``overlap`` is the
    policy while the previous run is in flight, ``catchup`` the policy for slots missed while no scheduler ran, at most
    ``catchup_limit`` of them. ``subject`` is your id of the person whose data its runs handle: the inputs are sealed
    with that person's key, and no answer has them.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "morning-report",
                    "workflow_name": "document_analysis",
                    "inputs": {"document_key": "reports/{{slot}}.txt"},
                    "cron": "0 8 * * MON-FRI",
                    "time_zone": "Europe/Berlin",
                }
            ]
        },
    )

    name: Name = Field(min_length=1, max_length=200)
    project: TagValue | None = Field(default=None, min_length=1)
    workflow_name: str = Field(pattern=NAME_PATTERN)
    workflow_version: int | None = _VERSION
    inputs: dict[str, Any] = {}
    tags: Tags = {}
    budget_cents: Cents | None = None
    cron: Text | None = Field(default=None, max_length=200)
    interval_s: int | None = Field(default=None, ge=1, le=_YEAR_S, strict=True)
    time_zone: Text = Field(default="UTC", max_length=64)
    overlap: Overlap = "skip"
    catchup: Catchup = "latest"
    catchup_limit: int = Field(default=100, ge=1, le=MAX_CATCHUP, strict=True)
    paused: bool = False
    subject: str | None = Field(default=None, min_length=1, max_length=256)


class ChangeSchedule(Request):
    """Fields to change; omitted fields stay. ``cron`` replaces ``interval_s`` and vice versa."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [{"paused": True}]})

    name: Name | None = Field(default=None, min_length=1, max_length=200)
    project: TagValue | None = Field(default=None, min_length=1)
    workflow_name: str | None = Field(default=None, pattern=NAME_PATTERN)
    workflow_version: int | None = _VERSION
    inputs: dict[str, Any] | None = None
    tags: Tags | None = None
    budget_cents: Cents | None = None
    cron: Text | None = Field(default=None, max_length=200)
    interval_s: int | None = Field(default=None, ge=1, le=_YEAR_S, strict=True)
    time_zone: Text | None = Field(default=None, max_length=64)
    overlap: Overlap | None = None
    catchup: Catchup | None = None
    catchup_limit: int | None = Field(default=None, ge=1, le=MAX_CATCHUP, strict=True)
    paused: bool | None = None


def _time_ms(value: object) -> object:
    return parse_time(value if isinstance(value, str) else repr(value))


Time = Annotated[
    int, BeforeValidator(_time_ms, json_schema_input_type=str), Field(json_schema_extra={"format": "date-time"})
]
"""A time in RFC 3339 with a zone, read as milliseconds since the Unix epoch."""


class Backfill(Request):
    """Run the slots from ``from`` (inclusive) to ``to`` (exclusive) that were not run."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        json_schema_extra={"examples": [{"from": "2026-11-01T00:00:00Z", "to": "2026-11-08T00:00:00Z"}]},
    )

    begin: Time = Field(alias="from")
    to: Time


class BackfillAnswer(Answer):
    """A backfill. ``submitted`` counts its slots so far, ``problem`` explains why one could not be submitted."""

    id: str
    begin: str | None = Field(serialization_alias="from")
    to: str | None
    submitted: int
    problem: str | None = None
    created_at: str | None
    finished_at: str | None = None


class LastRun(Answer):
    """The last run that the schedule started, and its slot."""

    slot: str
    run_id: str
    link: str


class ScheduleProblem(Answer):
    """The last slot whose run could not be submitted, and why."""

    slot: str
    message: str


class ScheduleAnswer(Answer):
    """A schedule. ``next_runs`` are its next slots, none while it is paused; ``skipped`` counts slots that were not
    run. ``subject`` is the pseudonym of its runs' data subject; then the inputs are sealed, and not shown.
    """

    id: str
    name: str
    project: str | None
    workflow_name: str
    workflow_version: int | None
    inputs: dict[str, Any]
    subject: str | None = None
    tags: dict[str, str]
    budget_cents: str | None
    cron: str | None
    interval_s: int | None
    time_zone: str
    overlap: Overlap
    catchup: Catchup
    catchup_limit: int
    paused: bool
    last_run: LastRun | None
    queued_slot: str | None
    next_runs: list[str]
    skipped: int
    problem: ScheduleProblem | None
    created_at: str | None
    updated_at: str | None


class WholeSchedule(ScheduleAnswer):
    """A schedule with its newest backfills."""

    backfills: list[BackfillAnswer]


class ScheduleDryRun(Answer):
    """A schedule that would be created or changed. Nothing was stored.

    ``first_run`` is the submission of its first slot. ``next_runs`` are its next slots.
    """

    dry_run: Literal[True] = True
    next_runs: list[str]
    first_run: RunDryRun


class SchedulePage(Answer):
    """Every schedule of the organisation, by name."""

    schedules: list[ScheduleAnswer]
