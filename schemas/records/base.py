"""What every record has: ``v``, ``major.minor``.

A minor version adds fields, which older readers ignore. A major version may change their meaning, so a
reader that meets a newer one stops (``NewerMajor``) instead of guessing. Readers are upgraded before writers.
"""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

MAJOR = 1
VERSION = f"{MAJOR}.0"


def _known_major(v: str) -> str:
    if v.partition(".")[0] != str(MAJOR):
        raise ValueError(f"major version of {v!r} is not {MAJOR}")
    return v


Version = Annotated[str, AfterValidator(_known_major)]
NanoDollars = Annotated[int, Field(ge=0, lt=2**53)]
Millis = Annotated[int, Field(ge=0, lt=2**53)]
"""A point in time: milliseconds since 1970-01-01T00:00:00Z."""
Json = Any
"""Any JSON value."""


class Part(BaseModel):
    """A piece of a record, without a version of its own."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class Record(Part):
    """A whole record."""

    v: Version = VERSION


class Usage(Part):
    """Tokens of one call or the sum over several."""

    input_tokens: int = 0
    output_tokens: int = 0

    def plus(self, other: "Usage") -> "Usage":
        """Return the sum of both."""
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
        )


class ErrorInfo(Part):
    """Why an attempt, a step or a run failed. ``code`` is stable and short, ``message`` says how to mend it."""

    code: str
    message: str
    retryable: bool = False
    retry_after_ms: int | None = None
    step_id: str | None = None
    details: dict[str, str] = {}
