"""Moves of organisations between cells."""

from typing import Annotated

from pydantic import AwareDatetime, ConfigDict, Field

from schemas.api_models.base import Answer, Request
from schemas.cells.moves import MoveState
from schemas.configuration.cells import NAME_PATTERN

CellName = Annotated[str, Field(pattern=f"^{NAME_PATTERN}$")]


class MoveOrganisation(Request):
    """A move to the cell ``to``, which CELLS_FILE names. It is aborted when it is not at its copy after ``wait_s``."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [{"to": "west"}]})

    to: CellName
    wait_s: Annotated[int, Field(ge=1, le=30 * 86_400, strict=True)] = 3_600


class MovePlan(Answer):
    """The plan of a move. ``against`` must be changed first, ``open`` is waited for, ``stays`` stays behind.

    ``behind`` counts what there is now of that: dead letters, runs that only this cell can replay, objects.
    """

    organisation: str
    to: str
    against: list[str]
    open: dict[str, int]
    stays: list[str]
    behind: dict[str, int] = {}


class MoveRemains(Answer):
    """Rows and objects that an organisation left behind in this cell, by store and table.

    ``counts`` is what is left now, ``removed`` what this request removed, ``stays`` what is not removed.
    """

    organisation: str
    cell: str
    counts: dict[str, int]
    removed: dict[str, int]
    stays: list[str]


class MoveAnswer(Answer):
    """A move. ``digests`` are numbers of rows and their hashes in both cells, ``copies`` how many copies were made."""

    id: str
    organisation: str
    to: str
    url: str
    state: MoveState
    aborting: bool
    problem: str
    copies: int
    digests: dict[str, str]
    copy_s: float | None
    started_by: str
    created_at: AwareDatetime
    state_at: AwareDatetime
    ended_at: AwareDatetime | None
