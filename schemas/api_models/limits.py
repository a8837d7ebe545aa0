"""Limits of concurrently running runs, of an organisation and of its workflows."""

from typing import Annotated

from pydantic import ConfigDict, Field

from schemas.api_models.base import Answer, Request
from schemas.spec.model import NAME_PATTERN

MAX_RUNNING = 1_000_000
MAX_WORKFLOWS = 1_000

Count = Annotated[int, Field(ge=0, le=MAX_RUNNING, strict=True)]


class PutLimits(Request):
    """All limits of the organisation; an omitted limit is unlimited. 0 lets nothing start.

    ``allow_unknown`` accepts workflows that do not exist yet.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={"examples": [{"max_running_runs": 50, "workflows": {"document_analysis": 10}}]},
    )

    max_running_runs: Count | None = None
    workflows: dict[Annotated[str, Field(pattern=NAME_PATTERN)], Count] = Field(
        default_factory=dict, max_length=MAX_WORKFLOWS
    )
    allow_unknown: bool = False


class WorkflowLimit(Answer):
    """A workflow's limit, and the number of its running runs."""

    max_running_runs: int
    running: int | None


class LimitsAnswer(Answer):
    """The organisation's limits, and the numbers of its running and waiting runs.

    Counted are runs under admission: those submitted while there were limits, or a pool. The counts are ``null`` while
    they cannot be read.
    """

    max_running_runs: int | None
    workflows: dict[str, WorkflowLimit]
    running: int | None
    waiting: int | None
    updated_at: str | None
