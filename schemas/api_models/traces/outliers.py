"""Runs that are far slower or dearer than the others of their workflow."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from schemas.api_models.base import Answer, Request, Text

_Name = Annotated[Text, Field(min_length=1, max_length=256)]
_Time = Annotated[Text, Field(min_length=1, max_length=64)]


class FindOutliers(Request):
    """Of which runs: those that began in a time, of one workflow or of each. ``measure`` is what is compared."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={"examples": [{"measure": "cost", "start": "1d", "workflow": "document_analysis"}]},
    )

    measure: Literal["duration", "cost"] = "duration"
    start: _Time | None = None
    end: _Time = "now"
    workflow: _Name | None = None
    project: _Name | None = None
    limit: Annotated[int, Field(ge=1, le=500, strict=True)] = 50


class OutlierLine(Answer):
    """A run, and the median of its workflow's ``runs``: seconds, or US dollars as a decimal string.

    ``times`` is how many medians the run is; ``score`` is its modified z-score, above 3.5.
    """

    trace_id: str
    run_id: str
    workflow: str
    duration: float | None
    cost_usd: str | None
    median: str
    times: float
    score: float
    runs: int


class OutliersFound(Answer):
    """The farthest runs first. ``compared`` is the number of runs that were looked at, 20,000 at most."""

    measure: str
    start: str | None
    end: str | None
    compared: int
    outliers: list[OutlierLine]
