"""What caching needs of the world: a store of answers, see ``connectors.redis.response_cache``."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from connectors.ports.embedder import Embedder
from connectors.redis.response_cache import Counted, Hit, Keep, Lead, Lookup, Neighbour, Wait
from services.caching.policy import DEFAULT_TTLS, Ttls


class AnswerStore(Protocol):
    """Earlier answers and the flights of those that are being made. Every method raises ``Unavailable``."""

    @property
    def lease_ms(self) -> int:
        """How long a flight lasts unless it is renewed."""
        ...

    async def take(self, look: Lookup, *, counted: Counted = "exact", may_lead: bool = True) -> Hit | Lead | Wait:
        """Return the answer, or who makes the call."""
        ...

    async def store(self, look: Lookup, began_ms: int, body: bytes, keep: Keep) -> bool:
        """Store the answer of a flight and end it; ``False`` when it was not stored."""
        ...

    async def neighbours(self, org_id: str, partition: str, after_us: int) -> list[Neighbour]:
        """Return the texts of a partition that were stored after a time, oldest first."""
        ...

    async def renew(self, look: Lookup) -> bool:
        """Keep the lead of a flight; ``False`` when it is another's."""
        ...

    async def release(self, look: Lookup) -> None:
        """End a flight without an answer."""
        ...


def _none() -> None:
    return None


@dataclass(frozen=True, slots=True)
class CachePorts:
    """Where answers are, and for how many seconds each tier's are fresh.

    Without ``enabled`` no answer is used again, whatever the nodes say.

    ``embedder`` returns what makes vectors of texts, ``None`` where there is no model; then no hit is semantic.
    """

    store: AnswerStore
    ttls: Ttls = field(default_factory=lambda: DEFAULT_TTLS)
    embedder: Callable[[], Embedder | None] = _none
    enabled: bool = True
