"""Quotas that an organisation sets for itself."""

from pydantic import ConfigDict, Field

from schemas.api_models.base import Answer, Request
from schemas.limits.quotas import MAX_LIMITS, QuotaLimits


class PutQuotas(Request):
    """All quotas of the organisation; an empty list limits nothing.

    ``allow_unknown`` accepts names that are to come.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [{"limits": [{"provider": "openai", "requests_per_minute": 60, "tokens_per_day": 2_000_000}]}]
        },
    )

    limits: list[QuotaLimits] = Field(max_length=MAX_LIMITS)
    allow_unknown: bool = False


class QuotasAnswer(Answer):
    """The organisation's quotas. Workers know a change within a second."""

    limits: list[QuotaLimits]
    updated_at: str | None
