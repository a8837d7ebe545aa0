"""Reads the signals that a run keeps because nothing waited for them yet."""

import asyncio

from redis.asyncio import Redis

from connectors.redis.errors import redis_errors
from connectors.redis.keys import runs_slot
from schemas.tables.runs import SIGNALS
from schemas.tables.signals import Signals, decode_signals


class SignalsReader:
    """Reads from the table ``runs`` of so many partitions."""

    def __init__(self, redis: "Redis", partitions: int, timeout_s: float = 2.0) -> None:
        self._redis = redis
        self._partitions = partitions
        self._timeout_s = timeout_s

    async def kept(self, run_id: str) -> Signals:
        """Return the signals of a run, as far as its events are folded. Raises ``Unavailable``."""
        with redis_errors("look at a run's signals"):
            async with asyncio.timeout(self._timeout_s):
                data = await self._redis.hget(runs_slot(run_id, self._partitions).entity(run_id), SIGNALS)
        return decode_signals(data if isinstance(data, bytes) else data.encode()) if data else Signals()
