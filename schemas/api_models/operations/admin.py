"""Topics and dead letters as operators see them."""

from typing import Annotated

from pydantic import Field

from schemas.api_models.base import MAX_PAGE, Answer, Request, Text


class TopicAnswer(Answer):
    """A topic of the catalogue. ``partitions`` is ``null`` if the broker does not have it.

    ``problems`` are its differences from the catalogue.
    """

    name: str
    summary: str
    key: str
    partitions: int | None
    problems: list[str]


class TopicPage(Answer):
    """The topics by name."""

    topics: list[TopicAnswer]


class LetterAnswer(Answer):
    """A dead letter without its value. ``position`` and ``origin`` are written ``topic/partition@offset``."""

    position: str
    at: str | None
    reason: str
    message: str
    origin: str | None
    key: str | None
    attempts: int
    retries: int


class LetterPage(Answer):
    """The newest dead letters, oldest first, and how many there are in all."""

    letters: list[LetterAnswer]
    total: int


class LetterHeader(Answer):
    """A header. A value that is no text is written in hex after ``0x``."""

    name: str
    value: str


class WholeLetter(LetterAnswer):
    """A dead letter. ``value`` is for people, ``value_base64`` has its bytes; ``null``: it has none."""

    headers: list[LetterHeader]
    value: str | None
    value_base64: str | None


class RetryLetters(Request):
    """Which letters return to their topics: by position, or all of a topic with a reason."""

    positions: list[Text] | None = Field(None, min_length=1, max_length=MAX_PAGE, examples=[["run-events.dlq/3@17"]])
    topic: Text | None = None
    reason: Text | None = None
    since: Text | None = Field(None, description="Put aside within this time: `90m`, `1h`, `2d`.", examples=["1d"])
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = MAX_PAGE
    dry_run: bool = False


class RetriedLetter(Answer):
    """One letter: where it went (or would go), or why it cannot return."""

    position: str
    went_to: str | None = None
    problem: str | None = None


class RetriedLetters(Answer):
    """Each letter with its outcome. ``total`` is how many match; a further request takes those over ``limit``."""

    retried: list[RetriedLetter]
    total: int
