"""Who runs and who stands in line, read from the table of admissions by people who ask why a run waits."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from connectors.redis.errors import redis_errors
from connectors.redis.keys import Slot
from schemas.tables.admissions import (
    LINES,
    POOL,
    WHERE,
    Known,
    Limits,
    Line,
    Organisation,
    Pool,
    decode,
    limits_field,
    line_field,
    organisation_field,
    run_entity,
)
from schemas.tables.wait_reasons import Wait
from topics.catalogue import TABLE_ADMISSIONS

UNKNOWN = Wait("admission", detail="the run has not been admitted yet")


@dataclass(frozen=True)
class Counts:
    """How many runs with turns of an organisation run and wait."""

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
        fields = [organisation_field(org_id), *(line_field(org_id, workflow) for workflow in workflows)]
        one, *lines = await self._lines(fields)
        running_of = {name: (line or Line()).running for name, line in zip(workflows, lines, strict=True)}
        one = one or Organisation()
        return Counts(one.running, one.waiting, running_of)

    async def pool(self) -> tuple[int, int]:
        """Return the pool's size, 0 without one, and how many runs of all organisations it runs."""
        (pool,) = await self._lines([POOL])
        pool = pool or Pool()
        return pool.size, pool.running

    async def why(self, org_id: str, run_id: str, workflow: str) -> Wait:
        """Return on what a queued run waits."""
        key = self._slot.entity(run_entity(run_id))
        with redis_errors("read a run's turn"):
            async with asyncio.timeout(self._timeout_s):
                data: Any = await self._redis.hget(key, WHERE)
        fields = [POOL, organisation_field(org_id), limits_field(org_id), line_field(org_id, workflow)]
        if data is None:
            return UNKNOWN
        pool, one, limits, line = await self._lines(fields)
        known: Known = decode(WHERE, data)
        return why(known, pool or Pool(), one or Organisation(), limits or Limits(), line or Line(), org_id, workflow)

    async def _lines(self, fields: list[str]) -> list[Any]:
        with redis_errors("read who runs"):
            async with asyncio.timeout(self._timeout_s):
                found: list[Any] = await self._redis.hmget(self._slot.entity(LINES), fields)
        return [None if data is None else decode(name, data) for name, data in zip(fields, found, strict=True)]


def why(known: Known, pool: Pool, one: Organisation, limits: Limits, line: Line, org_id: str, workflow: str) -> Wait:
    """Return on what a run waits that the table knows: the first of its limits that is full, and its place."""
    if known.is_over or known.number < line.head:
        return Wait("admission", detail="the run has its turn, and starts as soon as it is told")
    before = known.number - line.head
    place = f"; at most {before} runs of its workflow are before it" if before else "; it is the first of its workflow"
    most = limits.workflows.get(workflow)
    if most is not None and line.running >= most:
        return Wait(
            "concurrency",
            f"workflow {workflow}",
            None,
            f"workflow {workflow} has {line.running} of {most} runs running{place}",
        )
    if limits.most is not None and one.running >= limits.most:
        return Wait(
            "concurrency", "organisation", None, f"organisation has {one.running} of {limits.most} runs running{place}"
        )
    turn = pool.turns.index(org_id) if org_id in pool.turns else None
    if pool.size and pool.running >= pool.size and turn is not None:
        others = f"turns of others before this organisation's: {turn}" if turn else "this organisation is next"
        return Wait(
            "concurrency", "pool", None, f"the pool has {pool.running} of {pool.size} runs running; {others}{place}"
        )
    return Wait("admission", detail=f"its turn is coming{place}")
