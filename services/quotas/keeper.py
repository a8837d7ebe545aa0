"""Room for calls: which limits apply, taken together in one round trip, corrected after the answer."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from schemas.errors import Unavailable
from schemas.limits.quotas import Ask, Limit, Made, Scope, Taken, Usage, Waiting
from schemas.spec.policy import DEFAULT_TIER
from services.quotas.rules import QuotaRules

Own = Callable[[str, str], Awaitable[str]]
"""Names an organisation's own key of a provider; empty where it has none. Raises ``Unavailable``."""
#: A route that a call would wait longer for is passed over while another has room.
PATIENCE_MS = 2_000
TIMEOUT_S = 0.5


class Store(Protocol):
    """Where limits are counted, see ``connectors.redis.quotas``. Methods raise ``Unavailable``."""

    async def take(self, ask: Ask, scopes: Sequence[Scope], patience_ms: float) -> Taken | Waiting:
        """Take room of all scopes or of none."""
        ...

    async def settle(self, taken: Taken, made: Made) -> None:
        """Correct what a call took."""
        ...

    async def waits(self, asked: Sequence[tuple[Scope, Usage]]) -> list[tuple[float, Limit]]:
        """Return how long a call would wait in each scope, and for which limit; it takes no room."""
        ...


class QuotaKeeper:
    """The quotas of a process.

    ``credentials`` names each provider's key without revealing it, ``own`` those that organisations have of their own.
    ``waited`` hears of every call that has no room at once, and in how many milliseconds it has.
    """

    def __init__(
        self,
        rules: QuotaRules,
        store: Store,
        credentials: Mapping[str, str],
        own: Own | None = None,
        waited: Callable[[Ask, float], None] | None = None,
    ) -> None:
        self._waited = waited
        self._own = own
        self._rules = rules
        self._store = store
        self._credentials = credentials

    async def take(self, ask: Ask, patience_ms: float) -> Taken | Waiting | None:
        """Take room for a call; ``None`` when nothing limits it, which asks nobody."""
        own = "" if self._own is None else await self._own(ask.org_id, ask.provider)
        ask = ask._replace(credential=own or self._credentials.get(ask.provider, ""))
        scopes = self._rules.scopes(ask)
        if not scopes:
            return None
        found = await self._store.take(ask, scopes, patience_ms)
        if found.wait_ms > 0 and self._waited is not None:
            self._waited(ask, found.wait_ms)
        return found

    async def full(self, org_id: str, routes: Sequence[str], usage: Usage) -> dict[str, str]:
        """Return the routes (``provider/model``) that have no room for a call within ``PATIENCE_MS``, and why.

        While the quotas cannot be read, all have room. What nothing limits asks nobody.
        """
        try:
            async with asyncio.timeout(TIMEOUT_S):
                asked = [(route, scope) for route in routes for scope in await self._scopes(org_id, route, usage)]
                found = await self._store.waits([(scope, usage) for _, scope in asked]) if asked else []
        except (Unavailable, TimeoutError):
            return {}
        return {
            route: _why(wait_ms, scope, limit)
            for (route, scope), (wait_ms, limit) in zip(asked, found, strict=True)
            if wait_ms < 0 or wait_ms > PATIENCE_MS
        }

    async def _scopes(self, org_id: str, route: str, usage: Usage) -> tuple[Scope, ...]:
        provider, _, model = route.partition("/")
        own = "" if self._own is None else await self._own(org_id, provider)
        ask = Ask(
            org_id=org_id,
            workflow="",
            tier=DEFAULT_TIER,
            provider=provider,
            model=model,
            credential=own or self._credentials.get(provider, ""),
            call_id="",
            ticket="",
            usage=usage,
            lasts_ms=0,
        )
        return self._rules.scopes(ask)

    async def settle(self, taken: Taken, made: Made) -> None:
        """Correct what a call took."""
        await self._store.settle(taken, made)


def _why(wait_ms: float, scope: Scope, limit: Limit) -> str:
    if wait_ms < 0:
        return f"the call is larger than {limit.name} of {scope.name}"
    return f"no room for {wait_ms / 1000:.1f} s: {limit.name} of {scope.name} are used up"
