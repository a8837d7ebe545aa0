"""Limits of concurrently running runs, of an organisation, its workflows and its projects."""

from typing import Annotated

from pydantic import ConfigDict, Field

from schemas.api_models.access import ID_PATTERN
from schemas.api_models.base import Answer, Request
from schemas.spec.model import NAME_PATTERN

MAX_RUNNING = 1_000_000
#: Of workflows, and of projects.
MAX_NAMED = 1_000

Count = Annotated[int, Field(ge=0, le=MAX_RUNNING, strict=True)]


class PutLimits(Request):
    """All limits of the organisation; an omitted limit is unlimited. 0 lets nothing start.

    ``allow_unknown`` accepts workflows and projects that do not exist yet.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [{"max_running_runs": 50, "workflows": {"document_analysis": 10}, "projects": {"web": 20}}]
        },
    )

    max_running_runs: Count | None = None
    workflows: dict[Annotated[str, Field(pattern=NAME_PATTERN)], Count] = Field(
        default_factory=dict, max_length=MAX_NAMED
    )
    projects: dict[Annotated[str, Field(pattern=ID_PATTERN)], Count] = Field(default_factory=dict, max_length=MAX_NAMED)
    allow_unknown: bool = False


class NamedLimit(Answer):
    """The limit of a workflow or a project, and the number of its running runs."""

    max_running_runs: int
    running: int | None


class LimitsAnswer(Answer):
    """The organisation's limits, and the numbers of its running and waiting runs.

    Counted are runs under admission: those submitted while there were limits, or a pool. The counts are ``null`` while
    they cannot be read.
    """

    max_running_runs: int | None
    workflows: dict[str, NamedLimit]
    projects: dict[str, NamedLimit]
    running: int | None
    waiting: int | None
    updated_at: str | None
