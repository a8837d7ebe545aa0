"""Actions on many runs, selected by filter."""

from typing import Literal

from pydantic import ConfigDict, Field

from schemas.api_models.base import MAX_PAGE, Answer, Request, Tags, Text
from schemas.run_states import RunState

BulkAction = Literal["cancel", "retry"]


class BulkRuns(Request):
    """An action and its filter. ``since`` and ``until`` are RFC 3339 times or spans back from now (``24h``).

    Without ``status`` it selects the runs that the action fits: queued and running ones to cancel, failed ones to
    retry. ``dry_run`` only reports the selection.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={"examples": [{"action": "retry", "workflow": "document_analysis", "since": "24h"}]},
    )

    action: BulkAction
    status: RunState | None = None
    workflow: Text | None = Field(default=None, max_length=128)
    tags: Tags = {}
    project: Text | None = Field(default=None, min_length=1, max_length=256)
    since: str | None = Field(default=None, max_length=64)
    until: str | None = Field(default=None, max_length=64)
    dry_run: bool = True
    limit: int = Field(default=100, ge=1, le=MAX_PAGE, strict=True)
    cursor: str | None = Field(default=None, max_length=512)


class BulkProblem(Answer):
    """A run on which the action failed, and why."""

    id: str
    message: str


class BulkDone(Answer):
    """A run on which the action was done, ``already`` by an earlier request. ``run_id`` is the new run of a retry."""

    id: str
    run_id: str | None = None
    already: bool = False


class BulkAnswer(Answer):
    """``total`` counts all matching runs, ``ids`` are those of this call.

    Call again with ``cursor=next_cursor`` for the next ones; ``null`` is the end.
    """

    action: BulkAction
    dry_run: bool
    total: int
    ids: list[str]
    done: list[BulkDone] = []
    problems: list[BulkProblem] = []
    next_cursor: str | None = None
