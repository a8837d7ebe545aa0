"""Datasets: cases by which prompts are evaluated."""

from typing import Any, Literal

from pydantic import ConfigDict, Field

from schemas.api_models.base import Answer, Request, Text
from schemas.records.base import Json
from schemas.run_states import RunState
from schemas.spec.model import NAME_PATTERN, NODE_ID_PATTERN


class ImportCases(Request):
    """The cases of a new version, as JSON. JSON lines and CSV are bodies of their own types."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={"examples": [{"cases": [{"inputs": {"name": "Ada"}, "expected": "Hello Ada"}]}]},
    )

    cases: list[dict[str, Any]] = Field(min_length=1, max_length=10_000)


class CasesFromRuns(Request):
    """Which steps of production runs become the cases of a new version.

    ``node`` names an ``llm`` node of ``workflow``; its inputs become the case's, and its output what is expected,
    unless ``expected`` is false. ``since`` and ``until`` are RFC 3339, or spans back from now such as ``24h``.
    Of a node in a loop the answer of the last iteration is taken, or those of all ``iterations``.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [{"name": "production", "workflow": "document_analysis", "node": "summarize", "since": "24h"}]
        },
    )

    name: str = Field(pattern=NAME_PATTERN)
    workflow: str = Field(pattern=NAME_PATTERN)
    node: str | None = Field(default=None, pattern=NODE_ID_PATTERN)
    prompt: str | None = Field(default=None, pattern=NAME_PATTERN)
    status: RunState = "succeeded"
    since: Text | None = Field(default=None, max_length=64)
    until: Text | None = Field(default=None, max_length=64)
    limit: int = Field(default=100, ge=1, le=1_000)
    expected: bool = True
    iterations: Literal["last", "all"] = "last"
    message: Text = Field(default="", max_length=1_000)


class DatasetAnswer(Answer):
    """A version of a dataset. ``hash`` covers its cases in order; ``author`` is the id of a key."""

    id: str
    name: str
    version: int
    hash: str
    cases: int
    author: str
    message: str
    created_at: str | None


class DatasetFromRuns(DatasetAnswer):
    """A version that was made of runs; ``skipped`` says how many of their steps became no case, by reason.

    ``redacted`` says how many values the policy took out, by data class and kind.
    """

    skipped: dict[str, int]
    redacted: dict[str, dict[str, int]]


class DatasetPage(Answer):
    """Datasets, or versions of one."""

    datasets: list[DatasetAnswer]


class CaseAnswer(Answer):
    """One case. ``labels`` are those of its values, by path, of a case that was made of a run whose data has labels."""

    id: str
    inputs: dict[str, Json]
    expected: Json = None
    tags: list[str] = []
    cluster: str = ""
    labels: dict[str, list[str]] = {}


class CasePage(Answer):
    """Cases of a version, in order."""

    cases: list[CaseAnswer]
    next_cursor: str | None
