"""Topics and dead letters of the platform. They hold records of every organisation, so the bootstrap key is needed."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.dependencies import Parts, Platform
from api.http.strict_json import StrictJsonRoute
from api.routers.errors import errors
from schemas.api_models.base import MAX_PAGE
from schemas.api_models.operations.admin import LetterPage, RetriedLetters, RetryLetters, TopicPage, WholeLetter
from topics.dead_letters.letter import parse_position
from topics.dead_letters.selection import LIST_LIMIT, Selection

router = APIRouter(prefix="/api/v1/admin", tags=["operations"], route_class=StrictJsonRoute)

Topic = Annotated[str, Path(max_length=200, examples=["run-events.dlq"])]
Partition = Annotated[int, Path(ge=0, le=999_999_999)]
Offset = Annotated[int, Path(ge=0, lt=10**18)]


@router.get("/topics", responses=errors())
async def list_topics(_: Platform, parts: Parts) -> TopicPage:
    """List the topics on the broker with what differs from the catalogue, and those that are missing."""
    return TopicPage(topics=await parts.operations.topics())


@router.get("/dead-letters", responses=errors(404))
async def list_dead_letters(
    _: Platform,
    parts: Parts,
    topic: Annotated[str | None, Query(description="The original topic, or one of dead letters.")] = None,
    reason: Annotated[str | None, Query(description="The short code of the reason.")] = None,
    since: Annotated[str | None, Query(description="Within this time: `90m`, `1h`, `2d`.", examples=["1d"])] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = LIST_LIMIT,
) -> LetterPage:
    """List records that could not be used, the newest last."""
    return await parts.operations.dead_letters.newest(Selection.of(topic, reason, since, limit))


@router.get("/dead-letters/{topic}/{partition}/{offset}", responses=errors(404))
async def get_dead_letter(topic: Topic, partition: Partition, offset: Offset, _: Platform, parts: Parts) -> WholeLetter:
    """Return one dead letter with its headers and value."""
    return await parts.operations.dead_letters.get(parse_position(f"{topic}/{partition}@{offset}"))


@router.post("/dead-letters/retry", responses=errors(404))
async def retry_dead_letters(body: RetryLetters, _: Platform, parts: Parts) -> RetriedLetters:
    """Append dead letters to the topics where they were, to be read once more."""
    return await parts.operations.dead_letters.retry(body)
