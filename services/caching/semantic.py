"""Answers to prompts that mean the same: the most alike text of a partition, if no fact differs.

A partition is one organisation, data class, model, prompt version and request, in which the marked variable alone may
differ. Texts are compared in this process, which reads from the store what is new to it.
"""

from typing import Any

from cachetools import LRUCache
from msgspec import Struct

from connectors.ports.embedder import Embedder, Vector
from connectors.redis.response_cache import PARTITION_MOST, Near, Neighbour
from services.caching.guards import veto
from services.caching.ports import AnswerStore

#: A partition has up to 1,000 vectors of a kilobyte.
_MOST_PARTITIONS = 32
#: Texts are not compared with each other in full: those less alike than the best few would not win.
_BEST = 5


class Question(Struct, frozen=True, kw_only=True):
    """A text, the partition that it may be compared in, and the least likeness (cosine) of another one."""

    org_id: str
    partition: str
    text: str
    threshold: float


class _Known:
    """The texts of a partition that this process has read."""

    def __init__(self) -> None:
        self.rows: list[Neighbour] = []
        self.matrix: Any = None

    @property
    def newest_us(self) -> int:
        return self.rows[-1].at_us if self.rows else 0

    def add(self, new: list[Neighbour]) -> None:
        import numpy as np

        if new:
            self.rows = (self.rows + new)[-PARTITION_MOST:]
            self.matrix = np.stack([np.frombuffer(row.vector, dtype=np.float16) for row in self.rows]).astype(
                np.float32
            )

    def best(self, vector: Vector) -> list[tuple[float, Neighbour]]:
        import numpy as np

        if self.matrix is None:
            return []
        scores = self.matrix @ np.asarray(vector, dtype=np.float32)
        order = np.argsort(-scores)[:_BEST]
        return [(float(scores[n]), self.rows[n]) for n in order]


class Semantics:
    """Finds texts that mean the same."""

    def __init__(self, store: AnswerStore, embedder: Embedder) -> None:
        self._store = store
        self._embedder = embedder
        self._known: LRUCache[tuple[str, str], _Known] = LRUCache(_MOST_PARTITIONS)

    async def near(self, question: Question) -> Near:
        """Return what the answer to the question will be compared by. Raises ``Unavailable``."""
        import numpy as np

        vector = await self._vector(question)
        return Near(self._partition(question), question.text, np.asarray(vector, dtype=np.float16).tobytes())

    async def find(self, question: Question) -> str | None:
        """Return the digest of an answer that will do, or ``None``. Raises ``Unavailable``."""
        org_id, partition = question.org_id, self._partition(question)
        known = self._known.setdefault((org_id, partition), _Known())
        known.add(await self._store.neighbours(org_id, partition, known.newest_us))
        if not known.rows:
            return None
        for score, row in known.best(await self._vector(question)):
            if score >= question.threshold and veto(question.text, row.text) is None:
                return row.digest
        return None

    def _partition(self, question: Question) -> str:
        # Vectors of another model cannot be compared with these.
        return f"{self._embedder.space}:{question.partition}"

    async def _vector(self, question: Question) -> Vector:
        (vector,) = await self._embedder.embed([question.text])
        return vector
