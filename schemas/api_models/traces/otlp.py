"""Answers of OTLP in JSON, by the protocol's names."""

from pydantic import ConfigDict, Field

from schemas.api_models.base import Answer


class PartialSuccessAnswer(Answer):
    """How many spans were refused, as a text of digits, and why."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    rejected_spans: str = Field(alias="rejectedSpans")
    error_message: str = Field(alias="errorMessage")


class OtlpAnswer(Answer):
    """The answer to spans. ``partialSuccess`` is there when some were refused."""

    model_config = ConfigDict(
        frozen=True,
        populate_by_name=True,
        json_schema_extra={
            "examples": [
                {"partialSuccess": {"rejectedSpans": "1", "errorMessage": "span 'chat': spanId is not 8 bytes"}}
            ]
        },
    )

    partial_success: PartialSuccessAnswer | None = Field(default=None, alias="partialSuccess")
