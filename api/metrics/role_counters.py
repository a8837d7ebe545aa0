"""Counters that roles write in their fenced commits, read from Redis at every scrape."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from redis.asyncio import Redis

from connectors.redis.errors import redis_errors
from connectors.redis.keys import Slot
from schemas.metrics import WORKERS_COUNTERS_KEY
from schemas.metrics.fields import parse_exemplar
from topics.catalogue import (
    ONE_ORDER,
    TABLE_ADMISSIONS,
    TABLE_BUDGETS,
    TABLE_DEPLOYMENTS,
    TABLE_QUALITY,
    TABLE_ROUTES,
    TABLE_RUNS,
)


class Stored(NamedTuple):
    """The sum of every field, and the newest exemplar of each bucket."""

    fields: dict[str, float]
    exemplars: dict[str, str]


class RoleCounters:
    """The counters of all partitions and workers, added up."""

    def __init__(self, redis: Redis, partitions: int, timeout_s: float = 1.5) -> None:
        self._redis = redis
        tables = (TABLE_RUNS, TABLE_BUDGETS, TABLE_ROUTES, TABLE_DEPLOYMENTS, TABLE_QUALITY)
        counts = dict.fromkeys(tables, partitions) | {TABLE_ADMISSIONS: ONE_ORDER}
        slots = [Slot(table, p) for table, count in counts.items() for p in range(count)]
        self._counters = [slot.counters for slot in slots] + [WORKERS_COUNTERS_KEY]
        self._exemplars = [slot.exemplars for slot in slots]
        self._timeout_s = timeout_s

    async def read(self) -> Stored:
        """Return what is counted now. Raises ``Unavailable``."""
        pipe = self._redis.pipeline(transaction=False)
        for key in (*self._counters, *self._exemplars):
            pipe.hgetall(key)
        with redis_errors("read counters"):
            async with asyncio.timeout(self._timeout_s):
                found = await pipe.execute()
        hashes, exemplars = found[: len(self._counters)], found[len(self._counters) :]
        totals: defaultdict[str, float] = defaultdict(float)
        for fields in hashes:
            for field, value in fields.items():
                totals[field.decode()] += float(value)
        return Stored(dict(totals), _newest(exemplars))


def _newest(hashes: Sequence[dict[bytes, bytes]]) -> dict[str, str]:
    """Return the newest exemplar of each field."""
    newest: dict[str, str] = {}
    for fields in hashes:
        for field, value in fields.items():
            name, text = field.decode(), value.decode()
            if name not in newest or _at(newest[name]) < _at(text):
                newest[name] = text
    return newest


def _at(text: str) -> float:
    """Return the time of an exemplar; one that cannot be read is the oldest."""
    exemplar = parse_exemplar(text)
    return 0.0 if exemplar is None else exemplar[2]
