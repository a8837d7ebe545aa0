"""Whether the submission markers in Redis are complete, so that the absence of one means something.

Redis may be emptied, and with it the markers of runs that are not in history yet. A generation is a key beside the
markers: when it is missing, so may be markers. A generation begins incomplete, and becomes complete when history has
every run from before it.
"""

import asyncio
import secrets

from redis.asyncio import Redis

from connectors.redis.errors import redis_errors
from connectors.redis.keys import Slot
from connectors.redis.scripts import script
from topics.catalogue import TABLE_RUNS

KEY = "{submissions}:generation"
FRESH = "{submissions}:fresh"
_COMPLETE = script("submissions_complete")


class MarkerGeneration:
    """The generation, and the positions of the table of runs. Every method raises ``Unavailable``."""

    def __init__(self, redis: Redis, timeout_s: float = 2.0) -> None:
        self._redis = redis
        self._timeout_s = timeout_s

    async def complete(self) -> bool:
        """Return true if every accepted run has a marker or is in history; markers without an id live an hour."""
        with redis_errors("read the generation of submission markers"):
            async with asyncio.timeout(self._timeout_s):
                return bool(await self._redis.exists(FRESH))

    async def complete_by_id(self) -> bool:
        """Return true if every submission with an id has a marker or is in history; their markers live a day."""
        with redis_errors("read the generation of submission markers"):
            async with asyncio.timeout(self._timeout_s):
                return bool(await self._redis.hexists(KEY, "complete"))

    async def begin(self) -> str:
        """Return the id of the present generation; begin one if there is none."""
        with redis_errors("begin a generation of submission markers"):
            async with asyncio.timeout(self._timeout_s):
                await self._redis.hsetnx(KEY, "id", secrets.token_hex(8))
                found = await self._redis.hget(KEY, "id")
        return found.decode() if isinstance(found, bytes) else found or ""

    async def finish(self, generation: str, ttl_ms: int) -> bool:
        """Note that a generation is complete, and for ``ttl_ms`` that history keeps up.

        False when another generation has begun meanwhile.
        """
        with redis_errors("complete a generation of submission markers"):
            async with asyncio.timeout(self._timeout_s):
                return bool(await self._redis.eval(_COMPLETE, 2, KEY, FRESH, generation, ttl_ms))

    async def folded(self, partitions: int) -> dict[int, int]:
        """Return the offset up to which each partition of the runs is folded; those without a position are left out."""
        pipe = self._redis.pipeline(transaction=False)
        for partition in range(partitions):
            pipe.hget(Slot(TABLE_RUNS, partition).position, "offset")
        with redis_errors("read the positions of runs"):
            async with asyncio.timeout(self._timeout_s):
                found = await pipe.execute()
        return {partition: int(offset) for partition, offset in enumerate(found) if offset is not None}
