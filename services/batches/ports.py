"""What the work on batches needs of the world."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import SecretStr

from connectors.ports.batches import BatchStore, Gathered
from connectors.ports.engine import Clock
from connectors.providers.batching.port import BatchService
from schemas.batches import FinalState
from schemas.payload import Payload
from schemas.records.base import Record
from services.batches.points import Reached, onward
from services.calls.ports import Prices


class Bodies(Protocol):
    """Where large questions and answers are, see ``connectors.objects.store``. Methods raise ``Unavailable``."""

    async def to_payload(self, org_id: str, value: object) -> Payload:
        """Return a JSON value as it travels."""
        ...

    def resolve(self, org_id: str, payload: Payload) -> Awaitable[Any]:
        """Return the JSON value of a payload. Raises ``Rejected`` when it is gone."""
        ...


class Keys(Protocol):
    """Keys of organisations, see ``services.calls.provider_keys``."""

    async def of(self, org_id: str, provider: str) -> SecretStr | None:
        """Return the key to ask a provider with; ``None`` for the environment's. Raises ``StepError``."""
        ...


class BookedPrices(Protocol):
    """Prices of organisations, see ``services.prices.stored``."""

    async def booked(self, org_id: str, price_version: str) -> Prices:
        """Return the prices under which money was held. Raises ``Unavailable``."""
        ...


class Counts(Protocol):
    """What is counted of batches, for metrics."""

    def sent(self, provider: str) -> None:
        """Count a batch that a provider has taken."""
        ...

    def ended(self, outcome: FinalState, calls: int) -> None:
        """Count calls that ended."""
        ...


class Uncounted:
    """Counts nothing."""

    def sent(self, provider: str) -> None:
        """Count nothing."""

    def ended(self, outcome: FinalState, calls: int) -> None:
        """Count nothing."""


_UNCOUNTED = Uncounted()


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPorts:
    """What batches are made of.

    ``emit`` appends records and awaits their acknowledgement. ``over`` returns those of some runs that have ended.
    ``owner`` names this process in leases. ``poll_ms`` is how often a batch is asked how it is. ``reached`` is for the
    crash tests.
    """

    store: BatchStore
    services: Mapping[str, BatchService]
    prices: BookedPrices
    bodies: Bodies
    keys: Keys | None
    clock: Clock
    emit: Callable[[Sequence[Record]], Awaitable[None]]
    over: Callable[[Sequence[str]], Awaitable[set[str]]]
    owner: str
    gathered: Gathered
    poll_ms: int
    reached: Reached = onward
    counts: Counts = _UNCOUNTED
