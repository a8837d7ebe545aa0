"""What was learned of routes, read from the table ``routes`` by those who choose; remembered for ``FRESH_S``."""

import asyncio

from cachetools import TTLCache
from redis.asyncio import Redis

from connectors.redis.errors import redis_errors
from connectors.redis.keys import Slot
from schemas.errors import Unavailable
from schemas.tables.routes import LEARNED, NOTHING, Learned, arms_entity, decode_learned
from topics.catalogue import TABLE_ROUTES
from topics.partitioner import partition_for

#: The table is folded within a moment; a choice that does not know the last second's outcomes is as good.
FRESH_S = 1.0
#: Arm groups that a process remembers.
MOST = 10_000
TIMEOUT_S = 0.5


class RouteReader:
    """Reads arm groups. ``partitions`` is the partition count of ``route-outcomes``."""

    def __init__(self, redis: Redis, partitions: int, fresh_s: float = FRESH_S) -> None:
        self._redis = redis
        self._partitions = partitions
        self._remembered: TTLCache[str, Learned] = TTLCache(MOST, fresh_s)

    async def learned(self, group: str) -> Learned:
        """Return what is known of an arm group; nothing, while Redis does not answer: then the prior decides."""
        known = self._remembered.get(group)
        if known is None:
            known = self._remembered[group] = await self._read(group)
        return known

    async def _read(self, group: str) -> Learned:
        slot = Slot(TABLE_ROUTES, partition_for(group.encode(), self._partitions))
        try:
            with redis_errors("read what was learned of routes"):
                async with asyncio.timeout(TIMEOUT_S):
                    data = await self._redis.hget(slot.entity(arms_entity(group)), LEARNED)
        except (Unavailable, TimeoutError):
            return NOTHING
        return decode_learned(data) if isinstance(data, bytes) else NOTHING
