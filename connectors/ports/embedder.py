"""The port of what turns texts into vectors: a model in this process, or a provider's."""

from collections.abc import Sequence
from typing import Protocol

Vector = Sequence[float]


class Embedder(Protocol):
    """Turns texts into vectors whose cosine says how alike the texts are.

    ``space`` names the vectors: those of two spaces must not be compared.
    """

    @property
    def space(self) -> str:
        """The model and its size, such as ``wordllama/l2_supercat_256``."""
        ...

    async def embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        """Return a vector of length 1 for each text. Raises ``Unavailable``."""
        ...
