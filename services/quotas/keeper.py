"""Room for calls: which limits apply, taken together in one round trip, corrected after the answer."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from schemas.quotas import Ask, Made, Scope, Taken, Waiting
from services.quotas.rules import QuotaRules

Own = Callable[[str, str], Awaitable[str]]
"""Names an organisation's own key of a provider; empty where it has none. Raises ``Unavailable``."""


class Store(Protocol):
    """Where limits are counted, see ``connectors.redis.quotas``. Methods raise ``Unavailable``."""

    async def take(self, ask: Ask, scopes: Sequence[Scope], patience_ms: float) -> Taken | Waiting:
        """Take room of all scopes or of none."""
        ...

    async def settle(self, taken: Taken, made: Made) -> None:
        """Correct what a call took."""
        ...


class QuotaKeeper:
    """The quotas of a process.

    ``credentials`` names each provider's key without revealing it, ``own`` those that organisations have of their own.
    """

    def __init__(self, rules: QuotaRules, store: Store, credentials: Mapping[str, str], own: Own | None = None) -> None:
        self._own = own
        self._rules = rules
        self._store = store
        self._credentials = credentials

    async def take(self, ask: Ask, patience_ms: float) -> Taken | Waiting | None:
        """Take room for a call; ``None`` when nothing limits it, which asks nobody."""
        own = "" if self._own is None else await self._own(ask.org_id, ask.provider)
        ask = ask._replace(credential=own or self._credentials.get(ask.provider, ""))
        scopes = self._rules.scopes(ask)
        return await self._store.take(ask, scopes, patience_ms) if scopes else None

    async def settle(self, taken: Taken, made: Made) -> None:
        """Correct what a call took."""
        await self._store.settle(taken, made)
