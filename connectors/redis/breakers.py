"""Circuit breakers of routes, shared by all processes: one hash a route in Redis, a script to admit and one to report.

Nothing depends on them: while Redis does not answer, every route is taken for healthy.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from redis.asyncio import Redis

from connectors.redis.errors import redis_errors
from connectors.redis.keys import breaker_key
from connectors.redis.scripts import script
from schemas.errors import Unavailable

_ADMIT = script("breaker_admit")
_REPORT = script("breaker_report")
TIMEOUT_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerRules:
    """When a breaker opens and for how long.

    It opens by ``row`` failures in a row, or by a ``share`` of failures in a window of ``window_ms`` with ``least``
    calls. After ``open_ms`` one probe at a time is admitted; one that reports nothing for ``probe_ms`` is given up.
    """

    window_ms: int = 30_000
    least: int = 10
    share: float = 0.5
    row: int = 5
    open_ms: int = 15_000
    probe_ms: int = 75_000


RULES = BreakerRules()


class RedisBreakers:
    """The breakers of routes (``provider/model``). No method raises ``Unavailable``."""

    def __init__(self, redis: Redis, rules: BreakerRules = RULES) -> None:
        self._redis = redis
        self._rules = rules
        self._admit = redis.register_script(_ADMIT)
        self._report = redis.register_script(_REPORT)

    async def unhealthy(self, routes: Sequence[str]) -> dict[str, str]:
        """Return the routes that no call may take now, and why. It admits no probe."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.time()
        for route in routes:
            pipe.hmget(breaker_key(route), ["until", "probe_until"])
        try:
            with redis_errors("read breakers"):
                async with asyncio.timeout(TIMEOUT_S):
                    (seconds, micros), *found = await pipe.execute()
        except (Unavailable, TimeoutError):
            return {}
        now_ms = seconds * 1000 + micros // 1000
        waits = {route: max(int(at or 0) for at in times) - now_ms for route, times in zip(routes, found, strict=True)}
        return {route: _open(wait_ms) for route, wait_ms in waits.items() if wait_ms > 0}

    async def admit(self, route: str) -> bool:
        """Return whether a call may take a route; it is the probe of one whose open time is over."""
        try:
            with redis_errors("admit a call"):
                async with asyncio.timeout(TIMEOUT_S):
                    reply = await self._admit(keys=[breaker_key(route)], args=[self._rules.probe_ms])
        except (Unavailable, TimeoutError):
            return True
        return bool(reply[0] != b"open")

    async def report(self, route: str, *, failed: bool) -> bool:
        """Say how a call ended; return whether the breaker is open now."""
        rules = self._rules
        args = [int(failed), rules.window_ms, rules.least, rules.share, rules.row, rules.open_ms]
        try:
            with redis_errors("report a call"):
                async with asyncio.timeout(TIMEOUT_S):
                    reply = await self._report(keys=[breaker_key(route)], args=args)
        except (Unavailable, TimeoutError):
            return False
        return bool(reply == b"open")


def _open(wait_ms: int) -> str:
    return f"its breaker is open for {wait_ms / 1000:.1f} s more, since its calls failed"
