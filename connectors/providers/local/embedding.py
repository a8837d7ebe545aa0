"""The model ``local-embed``: words and pairs of words, hashed into a vector. Deterministic, on every machine."""

import re
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import pairwise

from connectors.providers.embeddings import Vector, unit
from connectors.providers.local import tokens
from schemas.errors import StepError

EMBED = "local-embed"
DIMENSIONS = 256
_MOST_DIMENSIONS = 4_096
_WORD = re.compile(r"\w+")


def embedded(model: str, text: str, dimensions: int | None = None) -> Vector:
    """Return a text's vector of length 1: texts with many words in common are near. Raises ``StepError``."""
    if model != EMBED:
        raise StepError("provider_rejected", f"no embedding model {model!r} here; choose {EMBED}")
    size = DIMENSIONS if dimensions is None else dimensions
    if not 0 < size <= _MOST_DIMENSIONS:
        raise StepError("provider_rejected", f"local: dimensions are 1 to {_MOST_DIMENSIONS}, not {size}")
    vector = [0.0] * size
    for feature, weight in _features(text):
        number = int.from_bytes(blake2b(feature.encode("utf-8", "replace"), digest_size=8).digest())
        vector[(number >> 1) % size] += weight if number & 1 else -weight
    return unit(vector)


def counted(texts: Sequence[str]) -> int:
    """Return the tokens of texts."""
    return sum(map(tokens.count, texts))


def _features(text: str) -> Iterator[tuple[str, float]]:
    words = _WORD.findall(text.lower())
    yield from ((word, 1.0) for word in words)
    yield from ((f"{first} {second}", 0.5) for first, second in pairwise(words))


class LocalEmbedder:
    """The model as an ``Embedder``, which costs nothing."""

    name = f"local/{EMBED}"

    async def vectors(self, texts: Sequence[str]) -> Sequence[Vector]:
        return [embedded(EMBED, text) for text in texts]
