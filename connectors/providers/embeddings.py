"""Embeddings: texts in, vectors out. One request and one response for all wires, priced as other calls are."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

from pydantic import SecretStr

from connectors.providers.wire import MalformedError
from schemas.records.base import Usage

Vector = tuple[float, ...]
Purpose = Literal["query", "document", "classification", "clustering", "similarity"]
"""What vectors are compared for; ``query`` is compared with ``document``."""


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    """One request for the vectors of ``texts``. A field that a wire cannot express fails it by name.

    ``api_key`` is sent in place of the environment's, ``trace_headers`` are those of W3C Trace Context.
    """

    model: str
    texts: tuple[str, ...]
    idempotency_key: str
    dimensions: int | None = None
    purpose: Purpose | None = None
    timeout_s: float = 60.0
    silence_s: float = 30.0
    api_key: SecretStr | None = None
    trace_headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EmbeddingResponse:
    """A vector for each text, in their order. ``received`` is the answer's body without its vectors.

    ``share_nano`` is its part of a bill that several calls share, in nano-dollars; without it, its usage has its price.
    """

    vectors: tuple[Vector, ...]
    usage: Usage
    sent: dict[str, Any] = field(default_factory=dict)
    received: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    share_nano: int | None = None


class Embedded(NamedTuple):
    """A parsed answer; ``rest`` is the body without the vectors."""

    vectors: tuple[Vector, ...]
    counts: Mapping[str, object]
    rest: dict[str, Any]


@runtime_checkable
class Embeds(Protocol):
    """A provider with embeddings."""

    async def embed(self, request: EmbeddingRequest) -> EmbeddingResponse:
        """Ask once. Raises ``StepError`` with the codes of ``Provider.complete``."""
        ...


@runtime_checkable
class EmbeddingWire(Protocol):
    """What a ``Wire`` has besides when its service has embeddings."""

    def embed_path(self, request: EmbeddingRequest) -> str:
        """Return the path below the base URL."""
        ...

    def embed_body(self, request: EmbeddingRequest) -> dict[str, Any]:
        """Return the JSON body. Raises a final ``StepError`` ``unsupported_parameter`` that names the field."""
        ...

    def read_vectors(self, received: object, request: EmbeddingRequest) -> Embedded:
        """Return the vectors in a success's JSON value. Raises ``MalformedError``."""
        ...


class Embedder(Protocol):
    """Vectors to compare texts by, such as in a cache of answers. ``name`` distinguishes its vectors from others'."""

    name: str

    async def vectors(self, texts: Sequence[str]) -> Sequence[Vector]:
        """Return a vector of length 1 for each text. Raises ``StepError``."""
        ...


def vectors_of(found: Sequence[object], request: EmbeddingRequest) -> tuple[Vector, ...]:
    """Return an answer's vectors. Raises ``MalformedError`` when they are not one for each text, all of one length."""
    vectors = tuple(_vector(one) for one in found)
    if len(vectors) != len(request.texts):
        raise MalformedError(f"there are {len(vectors)} vectors for {len(request.texts)} texts")
    if len({len(vector) for vector in vectors}) > 1:
        raise MalformedError("the vectors are not of one length")
    return vectors


def _vector(value: object) -> Vector:
    if not isinstance(value, list) or not value:
        raise MalformedError("a vector is not a list of numbers")
    if any(isinstance(one, bool) or not isinstance(one, int | float) or not math.isfinite(one) for one in value):
        raise MalformedError("a vector has something that is no number")
    return tuple(float(one) for one in value)


def unit(vector: Sequence[float]) -> Vector:
    """Return a vector of length 1 of the same direction; one of zeros as it is."""
    length = math.sqrt(sum(one * one for one in vector))
    return tuple(one / length for one in vector) if length else tuple(vector)
