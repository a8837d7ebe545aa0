"""Health of routes: who may be asked now, and what is said of calls that ended."""

from collections.abc import Sequence
from typing import Protocol

from schemas.limits.quotas import Usage


class Health(Protocol):
    """Circuit breakers of routes, shared by all processes; see ``connectors.redis.breakers``."""

    async def unhealthy(self, routes: Sequence[str]) -> dict[str, str]:
        """Return the routes that no call may take now, and why. It admits no probe."""
        ...

    async def admit(self, route: str) -> bool:
        """Return whether a call may take a route; one that is half open admits one probe at a time."""
        ...

    async def report(self, route: str, *, failed: bool) -> bool:
        """Say how a call ended; return whether the breaker is open now."""
        ...


class Availability(Protocol):
    """Room that routes have for calls now, by the quotas of their providers."""

    async def full(self, org_id: str, routes: Sequence[str], usage: Usage) -> dict[str, str]:
        """Return the routes that have no room for a call that uses so much, and why. It takes no room."""
        ...


class AlwaysHealthy:
    """Takes every route for healthy."""

    async def unhealthy(self, routes: Sequence[str]) -> dict[str, str]:
        """Return nothing."""
        return {}

    async def admit(self, route: str) -> bool:
        """Admit every call."""
        return True

    async def report(self, route: str, *, failed: bool) -> bool:
        """Take no notice."""
        return False
