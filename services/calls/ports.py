"""What the worker needs of the world, besides the engine's ``Log`` and ``Clock``."""

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Protocol

from connectors.redis.claims import ClaimAnswer, Granted
from connectors.redis.holds import AlreadySettled, Held, HoldRequest, Refused
from connectors.redis.response_cache import CachedAnswer, CacheKey
from schemas.payload import INLINE_LIMIT, PathPart, Payload, Reference
from schemas.records.base import Usage
from schemas.records.money import CallStarted
from schemas.spec.policy import Tier


class Claims(Protocol):
    """Who works on an attempt, see ``connectors.redis.claims``. Every method raises ``Unavailable``."""

    async def take(self, run_id: str, request_id: str, *, also_ended: bool = False) -> ClaimAnswer:
        """Take the attempt, unless it is taken, has an outcome, or its run is over and not ``also_ended``."""
        ...

    async def over(self, run_ids: Sequence[str]) -> set[str]:
        """Return those of the runs that are over."""
        ...

    async def renew(self, granted: Granted) -> bool:
        """Extend the lease; ``False`` when the attempt is no longer ours."""
        ...

    async def finish(self, granted: Granted, result: bytes, counts: Mapping[str, int]) -> bool:
        """Store the outcome and count; ``False`` when another worker took the attempt meanwhile."""
        ...

    async def published(self, run_id: str, request_id: str) -> None:
        """Say that the outcome is in the log."""
        ...

    async def release(self, granted: Granted) -> bool:
        """Give the attempt back without an outcome."""
        ...


class Holds(Protocol):
    """Money reserved before a call. Every method raises ``Unavailable``, ``hold`` also while spend is rebuilt."""

    async def hold(self, request: HoldRequest) -> Held | Refused | AlreadySettled:
        """Reserve the estimate in every budget that applies, or say which one refuses."""
        ...

    async def reassert(self, request: HoldRequest, expires_at_ms: int) -> bool:
        """Say that the call lives; its hold expires no sooner than given. ``False`` when it is settled."""
        ...


class Announce(Protocol):
    """Says in the log that a call starts."""

    async def __call__(self, call: CallStarted) -> None:
        """Return when the log has acknowledged it, however long that takes."""
        ...


class Prices(Protocol):
    """What tokens cost, in nano-dollars. Every method raises a final ``StepError`` ``unpriced_model``."""

    def estimate(self, provider: str, model: str, input_tokens: int, max_tokens: int, at_ms: int | None = None) -> int:
        """Return the most that a call can cost."""
        ...

    def cost(self, provider: str, model: str, usage: Usage, at_ms: int | None = None) -> int:
        """Return what a call did cost."""
        ...

    def picture_tokens(self, provider: str, model: str) -> int | None:
        """Return the most tokens that the model counts for a picture, where the installation says so."""
        ...

    def version(self, provider: str, model: str) -> str:
        """Return which price table a model's price is from."""
        ...


class Routes(Protocol):
    """Which model answers."""

    def choose(self, tier: Tier, provider: str | None, model: str | None) -> tuple[str, str]:
        """Return provider and model. Raises a final ``StepError`` ``no_route``."""
        ...


class ResponseCache(Protocol):
    """Earlier answers. Methods raise ``Unavailable``; the worker then does without."""

    async def get(self, key: CacheKey) -> CachedAnswer | None:
        """Return the kept answer, if there is one."""
        ...

    async def put(self, key: CacheKey, answer: CachedAnswer) -> None:
        """Keep an answer."""
        ...


class Objects(Protocol):
    """Stored bytes, see ``connectors.objects.store``."""

    async def get(self, org_id: str, reference: Reference) -> bytes:
        """Return the bytes of one of the organisation's references."""
        ...

    async def to_payload(
        self, org_id: str, value: object, labels: dict[str, str] | None = None, most: int = INLINE_LIMIT
    ) -> Payload:
        """Return a JSON value as it travels, stored over ``most`` bytes.

        Raises ``TypeError`` or ``Undecodable`` for what cannot.
        """
        ...

    def resolve(self, org_id: str, payload: Payload) -> Awaitable[Any]:
        """Return the JSON value of a payload. Raises ``Rejected`` or ``Unavailable``."""
        ...

    async def part(self, org_id: str, payload: Payload, path: Sequence[PathPart]) -> Any:
        """Return what ``path`` finds in a payload's value. Raises ``MissingPath``, ``Rejected`` or ``Unavailable``."""
        ...
