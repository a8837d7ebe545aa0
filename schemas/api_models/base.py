"""The parts that requests and answers share."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from schemas import money
from schemas.values.fields import ASCII_DECIMAL
from schemas.values.text import clean_text

MAX_CENTS = Decimal(money.MAX_NANO // money.NANO_PER_CENT)
MAX_TAGS = 32
MAX_PAGE = 1_000
"""The highest ``limit``, of every list and of bulk actions."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Request(BaseModel):
    """A request body. An unknown field is an error, since a misspelt one would be a silent no-op."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Answer(BaseModel):
    """A response body."""

    model_config = ConfigDict(frozen=True)


class RunLinks(Answer):
    """Links from a run to related resources, as paths."""

    self: str
    cancel: str
    steps: str
    events: str
    workflow: str


Text = Annotated[str, AfterValidator(clean_text)]
TagKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
TagValue = Annotated[Text, Field(max_length=256)]
Tags = Annotated[dict[TagKey, TagValue], Field(max_length=MAX_TAGS)]

Cents = Annotated[
    Decimal, Field(ge=0, le=MAX_CENTS, allow_inf_nan=False), AfterValidator(money.check_cents), ASCII_DECIMAL
]
"""An amount in US cents, as a number or as an ASCII decimal in a string; fractions are allowed."""
Usd = Annotated[
    Decimal, Field(ge=0, le=MAX_CENTS / 100, allow_inf_nan=False), AfterValidator(money.check_usd), ASCII_DECIMAL
]
"""An amount in US dollars."""


def timestamp(ms: int | None) -> str | None:
    """Return milliseconds since the epoch as RFC 3339 in UTC; ``None`` for ``None`` and for years over 9999."""
    if ms is None:
        return None
    try:
        at = _EPOCH + timedelta(milliseconds=ms)
    except OverflowError:
        return None
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
