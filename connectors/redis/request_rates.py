"""Rates of requests in Redis, shared by all processes: one number a key, which the server's clock moves.

It is the generic cell rate algorithm, as of the quotas of providers (``connectors.redis.quotas``), without their queue.
"""

import asyncio

from redis.asyncio import Redis

from connectors.redis.errors import redis_errors
from connectors.redis.keys import rate_key
from connectors.redis.scripts import script
from schemas.errors import Unavailable

_TAKE = script("rate_take")
#: A request waits no longer than this to be counted.
TIMEOUT_S = 0.3
MINUTE_MS = 60_000
#: The share of a minute's requests that may come at once.
BURST = 6


class RequestRates:
    """The rates of all keys."""

    def __init__(self, redis: Redis, timeout_s: float = TIMEOUT_S) -> None:
        self._take = redis.register_script(_TAKE)
        self._timeout_s = timeout_s

    async def wait_ms(self, key_id: str, per_minute: int) -> int:
        """Take one request, or return the ms until one can be taken. Raises ``Unavailable``."""
        interval = MINUTE_MS / per_minute
        at_once = max(1, per_minute // BURST)
        with redis_errors("count a request"):
            try:
                async with asyncio.timeout(self._timeout_s):
                    return int(await self._take(keys=[rate_key(key_id)], args=[interval, interval * (at_once - 1)]))
            except TimeoutError as exc:
                raise Unavailable("redis", "count a request: no answer in time") from exc
