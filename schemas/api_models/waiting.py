"""Reasons why a run waits."""

from typing import Annotated

from pydantic import ConfigDict, Field

from schemas.api_models.base import Answer, Request
from schemas.api_models.runs import Waiting
from schemas.run_states import RunState, StepState


class StepWaiting(Answer):
    """An open step, and the reason why it waits."""

    id: str
    node_id: str
    status: StepState
    waiting: Waiting


RunIdText = Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9_.:-]+$")]
MAX_RUNS = 50


class WaitingOf(Request):
    """The runs whose wait reasons are requested."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [{"ids": ["a1f98e89-72c4"]}]})

    ids: list[RunIdText] = Field(min_length=1, max_length=MAX_RUNS)


class RunsWaiting(Answer):
    """The wait reasons of several runs, in the order of the request. ``unknown`` are ids that history does not have."""

    runs: list["RunWaiting"]
    unknown: list[str]


class RunWaiting(Answer):
    """The wait reasons of a run's open steps. A run that has ended has none.

    ``waiting`` is the reason of the run as a whole. ``left_out`` counts steps that are not shown.
    """

    id: str
    status: RunState
    waiting: Waiting | None
    steps: list[StepWaiting]
    left_out: int
