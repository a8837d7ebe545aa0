"""Room for calls: which limits apply, taken together in one round trip, corrected after the answer."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

from schemas.errors import Unavailable
from schemas.quotas import Ask, Limit, Made, Scope, Taken, Usage, Waiting
from schemas.spec.policy import DEFAULT_TIER
from services.quotas.rules import QuotaRules

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
    """The quotas of a process. ``credentials`` names each provider's key without revealing it."""

    def __init__(self, rules: QuotaRules, store: Store, credentials: Mapping[str, str]) -> None:
        self._rules = rules
        self._store = store
        self._credentials = credentials

    async def take(self, ask: Ask, patience_ms: float) -> Taken | Waiting | None:
        """Take room for a call; ``None`` when nothing limits it, which asks nobody."""
        ask = ask._replace(credential=self._credentials.get(ask.provider, ""))
        scopes = self._rules.scopes(ask)
        return await self._store.take(ask, scopes, patience_ms) if scopes else None

    async def full(self, org_id: str, routes: Sequence[str], usage: Usage) -> dict[str, str]:
        """Return the routes (``provider/model``) that have no room for a call within ``PATIENCE_MS``, and why.

        While the quotas cannot be read, all have room. What nothing limits asks nobody.
        """
        asked = [
            (route, scope, usage)
            for route in routes
            for scope in self._rules.scopes(self._of_route(org_id, route, usage))
        ]
        if not asked:
            return {}
        try:
            async with asyncio.timeout(TIMEOUT_S):
                found = await self._store.waits([(scope, used) for _, scope, used in asked])
        except (Unavailable, TimeoutError):
            return {}
        return {
            route: _why(wait_ms, scope, limit)
            for (route, scope, _), (wait_ms, limit) in zip(asked, found, strict=True)
            if wait_ms < 0 or wait_ms > PATIENCE_MS
        }

    def _of_route(self, org_id: str, route: str, usage: Usage) -> Ask:
        provider, _, model = route.partition("/")
        return Ask(
            org_id=org_id,
            workflow="",
            tier=DEFAULT_TIER,
            provider=provider,
            model=model,
            credential=self._credentials.get(provider, ""),
            call_id="",
            ticket="",
            usage=usage,
            lasts_ms=0,
        )

    async def settle(self, taken: Taken, made: Made) -> None:
        """Correct what a call took."""
        await self._store.settle(taken, made)


def _why(wait_ms: float, scope: Scope, limit: Limit) -> str:
    if wait_ms < 0:
        return f"the call is larger than {limit.name} of {scope.name}"
    return f"no room for {wait_ms / 1000:.1f} s: {limit.name} of {scope.name} are used up"
