"""What every record has: ``v``, ``major.minor``.

A minor version adds fields, which older readers ignore. A major version may change their meaning, so a
reader that meets a newer one stops (``NewerMajor``) instead of guessing. Readers are upgraded before writers.
"""

from typing import Annotated, Any, Literal

import msgspec

from schemas.payload import Reference

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
    """What one call used, or the sum over several.

    ``input_tokens`` is all that the model read, cached or not, and ``output_tokens`` is all that it wrote, reasoning
    included. The other counts of tokens are parts of these, and never more than the whole; their adapter sees to that.
    """

    input_tokens: Int64 = 0
    output_tokens: Int64 = 0
    #: Of the input: read from the provider's prompt cache, and written to it. Of the writes: those for an hour.
    cache_read_tokens: Int64 = 0
    cache_write_tokens: Int64 = 0
    cache_write_1h_tokens: Int64 = 0
    #: Of the output.
    reasoning_tokens: Int64 = 0
    citation_tokens: Int64 = 0
    #: Of the input: the results of tools that the provider itself ran.
    tool_tokens: Int64 = 0
    #: Of input and output by medium; the cached ones are part of ``cache_read_tokens``, too.
    input_audio_tokens: Int64 = 0
    output_audio_tokens: Int64 = 0
    cache_audio_read_tokens: Int64 = 0
    input_image_tokens: Int64 = 0
    output_image_tokens: Int64 = 0
    cache_image_read_tokens: Int64 = 0
    input_video_tokens: Int64 = 0
    output_video_tokens: Int64 = 0
    #: Beside tokens: tools that the provider ran, and units that it bills by its own measure.
    web_searches: Int64 = 0
    storage_searches: Int64 = 0
    billed_units: Int64 = 0

    def plus(self, other: "Usage") -> "Usage":
        """Return the sum of both."""
        return Usage(**{kind: getattr(self, kind) + getattr(other, kind) for kind in USAGE_KINDS})

    @property
    def kinds(self) -> dict[str, int] | None:
        """The counts besides input and output that are not zero; ``None`` when all are."""
        if self == Usage(input_tokens=self.input_tokens, output_tokens=self.output_tokens):
            return None
        return {kind: count for kind in OTHER_KINDS if (count := getattr(self, kind))}


USAGE_KINDS = Usage.__struct_fields__
#: The kinds besides input and output.
OTHER_KINDS = tuple(kind for kind in USAGE_KINDS if kind not in ("input_tokens", "output_tokens"))


def kinds_together(first: dict[str, int] | None, second: dict[str, int] | None) -> dict[str, int] | None:
    """Return the sum of the counts that ``Usage.kinds`` returned."""
    if not first or not second:
        return first or second
    return {kind: first.get(kind, 0) + second.get(kind, 0) for kind in OTHER_KINDS if kind in first or kind in second}


class ErrorInfo(Part, frozen=True, kw_only=True):
    """Why an attempt, a step or a run failed. ``code`` is stable and short, ``message`` says how to mend it.

    In a run with a data subject ``sealed`` has the words of a worker's error: an object with ``message`` and
    ``details``.
    """

    code: str
    message: str
    retryable: bool = False
    retry_after_ms: Int64 | None = None
    step_id: str | None = None
    details: dict[str, str] = {}
    sealed: Reference | None = None


class CloudEvent(Record, frozen=True, kw_only=True):
    """What all records on ``workflow-events.<organisation>`` say, for other systems: CloudEvents 1.0 in JSON.

    ``type`` is each record's tag, ``id`` the same whenever it is sent again. ``organisation`` is an extension: it names
    the topic.
    """

    specversion: Literal["1.0"]
    id: str
    source: str
    subject: str
    time: str
    datacontenttype: Literal["application/json"]
    organisation: str
    data: Json
