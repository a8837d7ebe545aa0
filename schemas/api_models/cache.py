"""Cached answers over HTTP: what they saved, and their removal."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from schemas.api_models.base import Answer, Request, Tags
from schemas.prompts.refs import PROMPT_VERSION_PATTERN
from schemas.spec.model import NAME_PATTERN


class PurgeCache(Request):
    """The answers to remove: those that match every given field, or `all`. A prompt may name its version.

    ``model`` is ``provider/model``, ``tags`` are those of the runs that made the calls.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_extra={"examples": [{"prompt": "summarizer@1"}, {"all": True}]}
    )

    workflow: Annotated[str, Field(pattern=NAME_PATTERN)] | None = None
    prompt: Annotated[str, Field(pattern=PROMPT_VERSION_PATTERN)] | None = None
    model: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:@-]{1,128}/[A-Za-z0-9_.:/@-]{1,256}$")] | None = None
    tags: Tags = Field(default_factory=dict)
    all: Annotated[bool, Field(strict=True)] = False

    @model_validator(mode="after")
    def _selects(self) -> Self:
        named = bool(self.workflow or self.prompt or self.model or self.tags)
        if named == self.all:
            raise ValueError("name workflow, prompt, model or tags, or write all: true without them")
        return self


class CachePurged(Answer):
    """The answers that were removed. Answers to calls that were in flight are not stored."""

    entries: int
    bytes: int


class CacheCounts(Answer):
    """Hits, misses, stored answers with their bytes, and the cost of the calls whose answers were used again."""

    hits: int
    misses: int
    entries: int
    bytes: int
    saved_usd: str


class CacheScope(CacheCounts):
    """The counts of one workflow, prompt or model (``provider/model``)."""

    kind: Literal["workflow", "prompt", "model"]
    name: str


class CacheAnswer(CacheCounts):
    """The organisation's cached answers. ``hits_by_kind``: ``exact``, ``shared`` (waited for a call in flight),
    ``stale``, ``semantic``. ``max_bytes`` is the most that they may have together.
    """

    hits_by_kind: dict[str, int]
    max_bytes: int
    scopes: list[CacheScope]
