"""Stored counters and exemplars of all partitions: what is added up, and which exemplar is shown."""

import asyncio
from typing import Any, cast

from redis.asyncio import Redis

from api.metrics.role_counters import RoleCounters
from connectors.redis.keys import Slot
from schemas.metrics import WORKERS_COUNTERS_KEY
from topics.catalogue import TABLE_RUNS

FIRST, SECOND = Slot(TABLE_RUNS, 0), Slot(TABLE_RUNS, 1)


class Hashes:
    """A Redis with hashes, and its pipeline."""

    def __init__(self, hashes: dict[str, dict[bytes, bytes]]) -> None:
        self._hashes = hashes
        self._asked: list[str] = []

    def pipeline(self, **_: Any) -> "Hashes":
        return self

    def hgetall(self, key: str) -> None:
        self._asked.append(key)

    async def execute(self) -> list[dict[bytes, bytes]]:
        return [self._hashes.get(key, {}) for key in self._asked]


def counters(**hashes: dict[bytes, bytes]) -> RoleCounters:
    return RoleCounters(cast("Redis", Hashes(hashes)), 2)


def test_a_field_is_the_sum_of_all_partitions_and_workers() -> None:
    hashes = {key: {b"a": b"1.5"} for key in (FIRST.counters, SECOND.counters, WORKERS_COUNTERS_KEY)}
    assert asyncio.run(counters(**hashes).read()).fields == {"a": 4.5}


def test_the_newest_exemplar_of_a_bucket_is_shown_whatever_others_are() -> None:
    hashes = {
        FIRST.exemplars: {b"a": b"t1 0.1 2000", b"b": b"t1 0.1 1000"},
        SECOND.exemplars: {b"a": b"not readable", b"b": b"t2 0.2 2000"},
    }
    assert asyncio.run(counters(**hashes).read()).exemplars == {"a": "t1 0.1 2000", "b": "t2 0.2 2000"}
