"""Restarts and forks of runs."""

from typing import Any

from pydantic import ConfigDict, Field

from schemas.api_models.base import Request
from schemas.api_models.runs import RunAccepted
from schemas.spec.model import NODE_ID_PATTERN


class RestartRun(Request):
    """The start of a restart: the node ``from`` and everything after it is executed again."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, json_schema_extra={"examples": [{"from": "summarize"}]}
    )

    start: str | None = Field(default=None, alias="from", pattern=NODE_ID_PATTERN)


class ForkRun(RestartRun):
    """Inputs to merge over those of the run. Without ``from`` nothing is reused."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        json_schema_extra={"examples": [{"inputs": {"language": "French"}, "from": "summarize"}]},
    )

    inputs: dict[str, Any] = {}


class RunForked(RunAccepted):
    """The new run was accepted. ``reused`` are the nodes that it does not execute again."""

    forked_from: str
    reused: list[str]
