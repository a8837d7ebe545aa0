"""How long earlier answers of a node's calls are used, and how much room they have: the guide's ``cache``."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[KMGT]?I?B?)", re.IGNORECASE)
_UNITS = {unit: 1024**power for power, unit in enumerate("KMGT", 1)} | {"": 1}
MAX_TTL_S = 30 * 86_400
MIN_SIZE, MAX_SIZE = 1024, 1024**4


def size_of(value: int | str) -> int:
    """Return the bytes of a size such as ``1GB`` or ``512MiB``, of 1024 each. Raises ``ValueError``."""
    if isinstance(value, int):
        return value
    found = _SIZE.fullmatch(value.strip())
    if found is None:
        raise ValueError(f"{value!r} is no size; write bytes or a text such as 512MB or 1GB")
    unit = found["unit"].upper().removesuffix("B").removesuffix("I")
    return int(Decimal(found["number"]) * _UNITS[unit])


def _checked(value: int | str) -> int | str:
    if not MIN_SIZE <= size_of(value) <= MAX_SIZE:
        raise ValueError("a size is at least 1KB and at most 1TB; write such a one")
    return value


Size = Annotated[int | str, AfterValidator(_checked)]
"""Bytes, or a text with a unit; kept as it was written."""


class SemanticPolicy(BaseModel):
    """Answers to prompts that mean the same stand in, too.

    Only ``variable``'s value may differ; every other part of the request is equal. ``threshold`` is the least cosine
    similarity. Requests with ``tools`` or ``images`` take part only if these say so.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    variable: str = Field(min_length=1, max_length=128)
    threshold: float = Field(default=0.8, ge=0.5, le=1.0, allow_inf_nan=False)
    tools: bool = False
    images: bool = False


class CachePolicy(BaseModel):
    """Use of earlier answers.

    ``ttl`` is in seconds; without it the tier's applies. ``max_size`` bounds the bytes of these answers. For ``stale``
    seconds more, an answer is still given while one call makes the new one. ``negative_ttl``: seconds for which a
    refusal of the provider is an answer, too; 0 is never.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = True
    ttl: int | None = Field(default=None, ge=1, le=MAX_TTL_S)
    max_size: Size | None = None
    stale: int = Field(default=0, ge=0, le=MAX_TTL_S)
    negative_ttl: int = Field(default=60, ge=0, le=3_600)
    semantic: SemanticPolicy | None = None


#: The name of a field in a document, where it is another one.
WRITTEN_AS: Mapping[str, str] = {"cache_policy": "cache"}


def with_cache_policy(document: Any) -> Any:
    """Return a document whose ``cache: {...}`` is in ``cache_policy``, and ``cache`` says whether there is one.

    Readers of before policies know ``cache`` as a boolean.
    """
    written = document.get("cache") if isinstance(document, Mapping) else None
    if not isinstance(written, Mapping):
        return document
    return {**document, "cache": written.get("enabled", True) is True, "cache_policy": written}
