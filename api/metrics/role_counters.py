"""Counters that roles write in their fenced commits, read from Redis at every scrape."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from redis.asyncio import Redis

from connectors.redis.errors import redis_errors
from connectors.redis.keys import Slot
from schemas.errors import Unavailable
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

#: Returns how many partitions topics of runs have now. Raises ``Unavailable``.
Count = Callable[[], Awaitable[int]]


class Stored(NamedTuple):
    """The sum of every field, and the newest exemplar of each bucket."""

    fields: dict[str, float]
    exemplars: dict[str, str]


class RoleCounters:
    """The counters of all partitions and workers, added up. ``partitions`` is what topics had at first."""

    def __init__(self, redis: Redis, partitions: int, timeout_s: float = 1.5, runs: Count | None = None) -> None:
        self._redis = redis
        self._partitions = partitions
        self._timeout_s = timeout_s
        self._runs = runs

    async def read(self) -> Stored:
        """Return what is counted now. Raises ``Unavailable``."""
        slots = await self._slots()
        counters = [slot.counters for slot in slots] + [WORKERS_COUNTERS_KEY]
        pipe = self._redis.pipeline(transaction=False)
        for key in (*counters, *(slot.exemplars for slot in slots)):
            pipe.hgetall(key)
        with redis_errors("read counters"):
            async with asyncio.timeout(self._timeout_s):
                found = await pipe.execute()
        hashes, exemplars = found[: len(counters)], found[len(counters) :]
        totals: defaultdict[str, float] = defaultdict(float)
        for fields in hashes:
            for field, value in fields.items():
                totals[field.decode()] += float(value)
        return Stored(dict(totals), _newest(exemplars))

    async def _slots(self) -> list[Slot]:
        tables = (TABLE_RUNS, TABLE_BUDGETS, TABLE_ROUTES, TABLE_DEPLOYMENTS, TABLE_QUALITY)
        counts = dict.fromkeys(tables, self._partitions) | {TABLE_ADMISSIONS: ONE_ORDER}
        if self._runs is not None:
            # A broker that is down must not hide the counters of the partitions that there were at first.
            with contextlib.suppress(Unavailable):
                counts[TABLE_RUNS] = max(self._partitions, await self._runs())
        return [Slot(table, p) for table, count in counts.items() for p in range(count)]


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
