"""Series of scores of a prompt, read from the table ``quality``."""

import asyncio
from collections.abc import Mapping
from typing import Any

from redis.asyncio import Redis

from connectors.redis.errors import redis_errors
from connectors.redis.keys import Slot
from schemas.tables.quality import SERIES, Series, decode, parse_series_field, prompt_entity
from topics.catalogue import TABLE_QUALITY
from topics.partitioner import partition_for

TIMEOUT_S = 1.5


class SeriesReader:
    """Reads series. ``partitions`` is the partition count of ``quality-scores``. Raises ``Unavailable``."""

    def __init__(self, redis: "Redis", partitions: int, timeout_s: float = TIMEOUT_S) -> None:
        self._redis = redis
        self._partitions = partitions
        self._timeout_s = timeout_s

    async def of(self, org_id: str, prompt: str) -> Mapping[tuple[str, str, str], Series]:
        """Return the series of a prompt, by scorer, what they are of, and which one of those, in this order."""
        group = f"{org_id}:{prompt}"
        slot = Slot(TABLE_QUALITY, partition_for(group.encode(), self._partitions))
        with redis_errors("read the series of a prompt"):
            async with asyncio.timeout(self._timeout_s):
                found: Any = await self._redis.hgetall(slot.entity(prompt_entity(group)))
        entries: dict[bytes, bytes] = found
        series = {name.decode(): data for name, data in entries.items() if name.startswith(SERIES.encode())}
        return {parse_series_field(name): decode(name, series[name]) for name in sorted(series)}
