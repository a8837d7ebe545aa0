"""What every record has: ``v``, ``major.minor``.

A minor version adds fields, which older readers ignore. A major version may change their meaning, so a
reader that meets a newer one stops (``NewerMajor``) instead of guessing. Readers are upgraded before writers.
"""

from typing import Annotated, Any

import msgspec

MAJOR = 1
VERSION = f"{MAJOR}.0"

NanoDollars = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
Millis = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
"""A point in time: milliseconds since 1970-01-01T00:00:00Z."""
Attempt = Annotated[int, msgspec.Meta(ge=1, lt=2**53)]
Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""JSON has integers of any length; what is beyond this no table can hold."""
Json = Any
"""Any JSON value."""


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A piece of a record, without a version of its own.

    Its JSON leaves out what has its default; a reader fills it in. Types are checked when bytes are decoded.
    """


def _version() -> str:
    return VERSION


class Record(Part, frozen=True, kw_only=True, omit_defaults=True):
    """A whole record. ``v`` is always written, for readers of a later major version."""

    v: str = msgspec.field(default_factory=_version)


class Usage(Part, frozen=True, kw_only=True):
    """Tokens of one call or the sum over several."""

    input_tokens: Int64 = 0
    output_tokens: Int64 = 0

    def plus(self, other: "Usage") -> "Usage":
        """Return the sum of both."""
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
        )


class ErrorInfo(Part, frozen=True, kw_only=True):
    """Why an attempt, a step or a run failed. ``code`` is stable and short, ``message`` says how to mend it."""

    code: str
    message: str
    retryable: bool = False
    retry_after_ms: Int64 | None = None
    step_id: str | None = None
    details: dict[str, str] = {}
