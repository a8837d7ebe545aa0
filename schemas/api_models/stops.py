"""Emergency stops and pauses of calls."""

from typing import Self

from pydantic import ConfigDict, Field, model_validator

from schemas.api_models.base import Answer, Request, Text
from schemas.limits.stops import StopMode, StopScope


class CreateStop(Request):
    """Calls to stop: those of the whole organisation, or of a workflow, provider or model (``target``).

    ``stop`` fails them for good, ``pause`` lets their steps wait. ``reason`` is in the errors and waits.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [{"scope": "provider", "target": "openai", "mode": "pause", "reason": "outage at the provider"}]
        },
    )

    scope: StopScope = "org"
    target: Text | None = Field(default=None, min_length=1, max_length=200)
    mode: StopMode = "stop"
    reason: Text = Field(min_length=1, max_length=500)
    allow_unknown: bool = False

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.scope == "org") != (self.target is None):
            raise ValueError("name a target for every scope but org, and none for org")
        return self


class StopAnswer(Answer):
    """A stop; ``created_by`` and ``resumed_by`` are ids of API keys. It is in force until ``resumed_at``."""

    id: str
    scope: StopScope
    target: str | None
    mode: StopMode
    reason: str
    created_by: str
    created_at: str | None
    resumed_by: str | None
    resumed_at: str | None


class StopPage(Answer):
    """Stops, newest first."""

    stops: list[StopAnswer]
