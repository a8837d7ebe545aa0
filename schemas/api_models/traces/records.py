"""The records of a run, from which it can be replayed, and answers of OTLP in JSON by the protocol's names."""

from pydantic import ConfigDict, Field

from schemas.api_models.base import Answer


class RunRecordAnswer(Answer):
    """A record of the run. `record` is its JSON, byte for byte as it is in the log; `at_ms` is the time that it
    counted with, in milliseconds since 1970.
    """

    offset: int
    at_ms: int
    record: str


class RunRecordPage(Answer):
    """Some records of a run, in the order of the log."""

    run_id: str
    partition: int
    records: list[RunRecordAnswer]
    next_cursor: str | None = None


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
