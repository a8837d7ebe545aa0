"""Reads the table of admissions: an organisation's running and queued runs, and why a run is queued."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from connectors.redis.errors import redis_errors
from connectors.redis.keys import Slot
from schemas.tables.admissions import (
    POOL,
    POSITION,
    QUEUES,
    Limits,
    Organisation,
    Pool,
    Queue,
    RunPosition,
    decode,
    limits_field,
    organisation_field,
    queue_field,
    run_entity,
)
from schemas.tables.wait_reasons import Wait
from topics.catalogue import TABLE_ADMISSIONS

UNKNOWN = Wait("admission", detail="the run has not been admitted yet")


@dataclass(frozen=True)
class Counts:
    """How many runs of an organisation that need admission run and are queued."""

    running: int
    waiting: int
    running_of: Mapping[str, int]


class AdmissionReader:
    """Reads the table. Takes at most ``timeout_s`` and raises ``Unavailable``."""

    def __init__(self, redis: "Redis", timeout_s: float = 1.5) -> None:
        self._redis = redis
        self._slot = Slot(TABLE_ADMISSIONS, 0)
        self._timeout_s = timeout_s

    async def counts(self, org_id: str, workflows: list[str]) -> Counts:
        """Return an organisation's counts, with those of some of its workflows."""
        fields: list[str] = [organisation_field(org_id), *(queue_field(org_id, workflow) for workflow in workflows)]
        one, *queues = await self._entries(fields)
        running_of = {name: (queue or Queue()).running for name, queue in zip(workflows, queues, strict=True)}
        one = one or Organisation()
        return Counts(one.running, one.waiting, running_of)

    async def pool(self) -> tuple[int, int]:
        """Return the pool's size, 0 without one, and how many runs of all organisations it runs."""
        (pool,) = await self._entries([POOL])
        pool = pool or Pool()
        return pool.size, pool.running

    async def why(self, org_id: str, run_id: str, workflow: str) -> Wait:
        """Return why a run is queued."""
        key = self._slot.entity(run_entity(run_id))
        with redis_errors("read a run's admission"):
            async with asyncio.timeout(self._timeout_s):
                data: Any = await self._redis.hget(key, POSITION)
        fields: list[str] = [POOL, organisation_field(org_id), limits_field(org_id), queue_field(org_id, workflow)]
        if data is None:
            return UNKNOWN
        pool, one, limits, queue = await self._entries(fields)
        known: RunPosition = decode(POSITION, data)
        return why(known, pool or Pool(), one or Organisation(), limits or Limits(), queue or Queue(), org_id, workflow)

    async def _entries(self, fields: list[str]) -> list[Any]:
        with redis_errors("read the admission queues"):
            async with asyncio.timeout(self._timeout_s):
                found: list[Any] = await self._redis.hmget(self._slot.entity(QUEUES), fields)
        return [None if data is None else decode(name, data) for name, data in zip(fields, found, strict=True)]


def why(
    known: RunPosition, pool: Pool, one: Organisation, limits: Limits, queue: Queue, org_id: str, workflow: str
) -> Wait:
    """Return why a run is queued: the first of its limits that is reached, and its place in its queue."""
    if known.is_over or known.number < queue.head:
        return Wait("admission", detail="the run is admitted and is about to start")
    before = known.number - queue.head
    place = f"; at most {before} runs of its workflow are before it" if before else "; it is the first of its workflow"
    most = limits.workflows.get(workflow)
    if most is not None and queue.running >= most:
        return Wait(
            "concurrency",
            f"workflow {workflow}",
            None,
            f"workflow {workflow} has {queue.running} of {most} runs running{place}",
        )
    if limits.max_running is not None and one.running >= limits.max_running:
        return Wait(
            "concurrency",
            "organisation",
            None,
            f"organisation has {one.running} of {limits.max_running} runs running{place}",
        )
    turn = pool.rotation.index(org_id) if org_id in pool.rotation else None
    if pool.size and pool.running >= pool.size and turn is not None:
        others = f"{turn} other organisations are served before this one" if turn else "this organisation is next"
        return Wait(
            "concurrency", "pool", None, f"the pool has {pool.running} of {pool.size} runs running; {others}{place}"
        )
    return Wait("admission", detail=f"it is about to be admitted{place}")
