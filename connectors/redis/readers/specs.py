"""The exact definitions that runs in the table were started with, by hash: the ``runs`` table keeps one of each."""

import asyncio

from redis.asyncio import Redis

from connectors.redis.errors import redis_errors
from connectors.redis.keys import runs_slot
from schemas.spec.model import ResolvedSpec
from schemas.tables.runs import SPEC, spec_entity


class SpecReader:
    """Reads definitions out of the table. Takes at most ``timeout_s`` and raises ``Unavailable``."""

    def __init__(self, redis: Redis, partitions: int, timeout_s: float = 2.0) -> None:
        self._redis = redis
        self._partitions = partitions
        self._timeout_s = timeout_s

    async def find(self, run_id: str, spec_hash: str) -> ResolvedSpec | None:
        """Return the definition with this hash that a run was started with, or ``None`` when it is not there."""
        key = runs_slot(run_id, self._partitions).entity(spec_entity(spec_hash))
        with redis_errors("read a definition"):
            async with asyncio.timeout(self._timeout_s):
                data = await self._redis.hget(key, SPEC)
        return ResolvedSpec.model_validate_json(data) if data is not None else None
