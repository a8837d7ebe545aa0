"""Reads the table of admissions: an organisation's running and queued runs, and why a run is queued."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from connectors.redis.errors import redis_errors
from connectors.redis.keys import Slot
from connectors.redis.readers.flow import gate_of, why_at_gate
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
    parse_queue_name,
    project_field,
    queue_field,
    queue_name,
    run_entity,
    workflow_field,
)
from schemas.tables.flow import FlowKey, flow_run_field, key_field
from schemas.tables.wait_reasons import Wait
from topics.catalogue import TABLE_ADMISSIONS

UNKNOWN = Wait("admission", detail="the run has not been admitted yet")
ADMITTED = Wait("admission", detail="the run is admitted and is about to start")


@dataclass(frozen=True)
class Counts:
    """How many runs of an organisation that need admission run and are queued."""

    running: int
    waiting: int
    running_of: Mapping[str, int]
    running_of_projects: Mapping[str, int]


class AdmissionReader:
    """Reads the table. Takes at most ``timeout_s`` and raises ``Unavailable``."""

    def __init__(self, redis: "Redis", timeout_s: float = 1.5) -> None:
        self._redis = redis
        self._slot = Slot(TABLE_ADMISSIONS, 0)
        self._timeout_s = timeout_s

    async def counts(self, org_id: str, workflows: Sequence[str], projects: Sequence[str] = ()) -> Counts:
        """Return an organisation's counts, with those of some of its workflows and projects."""
        fields: list[str] = [organisation_field(org_id)]
        fields += (queue_field(org_id, name) for name in workflows)
        fields += (workflow_field(org_id, name) for name in workflows)
        fields += (project_field(org_id, name) for name in projects)
        one, *found = await self._entries(fields)
        many = len(workflows)
        of_none = [(queue or Queue()).running for queue in found[:many]]
        of_projects = [count or 0 for count in found[many:]]
        running_of = {name: of_none[i] + of_projects[i] for i, name in enumerate(workflows)}
        one = one or Organisation()
        return Counts(one.running, one.waiting, running_of, dict(zip(projects, of_projects[many:], strict=True)))

    async def pool(self) -> tuple[int, int]:
        """Return the pool's size, 0 without one, and how many runs of all organisations it runs."""
        (pool,) = await self._entries([POOL])
        pool = pool or Pool()
        return pool.size, pool.running

    async def why(self, org_id: str, run_id: str) -> Wait:
        """Return why a run is queued."""
        key = self._slot.entity(run_entity(run_id))
        with redis_errors("read a run's admission"):
            async with asyncio.timeout(self._timeout_s):
                data: Any = await self._redis.hget(key, POSITION)
        if data is None:
            return UNKNOWN
        known: RunPosition = decode(POSITION, data)
        if known.number < 0 and not known.is_over:
            (run,) = await self._entries([flow_run_field(run_id)])
            if run is None:
                return UNKNOWN
            if (gate := gate_of(run)) is not None:
                (key,) = await self._entries([key_field(org_id, gate.key)])
                return why_at_gate(run, gate, key or FlowKey())
            if not run.limited:
                return ADMITTED
            known = RunPosition(org_id, queue_name(run.workflow, run.project), run.number)
        workflow, project = parse_queue_name(known.queue)
        fields: list[str] = [POOL, limits_field(org_id), queue_field(org_id, known.queue)]
        pool, limits, queue = await self._entries(fields)
        counts = await self.counts(org_id, [workflow], [project])
        return why(known, pool or Pool(), counts, limits or Limits(), queue or Queue(), org_id)

    async def keys(self, org_id: str, keys: Sequence[str]) -> list[FlowKey]:
        """Return keys of flow control, as they are now."""
        found = await self._entries([key_field(org_id, key) for key in keys]) if keys else []
        return [key or FlowKey() for key in found]

    async def _entries(self, fields: list[str]) -> list[Any]:
        with redis_errors("read the admission queues"):
            async with asyncio.timeout(self._timeout_s):
                found: list[Any] = await self._redis.hmget(self._slot.entity(QUEUES), fields)
        return [None if data is None else decode(name, data) for name, data in zip(fields, found, strict=True)]


def why(known: RunPosition, pool: Pool, counts: Counts, limits: Limits, queue: Queue, org_id: str) -> Wait:
    """Return why a run is queued: the first of its limits that is reached, and its place in its queue."""
    if known.is_over or known.number < queue.head:
        return ADMITTED
    before = known.number - queue.head
    workflow, project = parse_queue_name(known.queue)
    queued = "its workflow and project" if project else "its workflow"
    place = f"; at most {before} runs of {queued} are before it" if before else f"; it is the first of {queued}"
    for on, most, running in (
        (f"workflow {workflow}", limits.workflows.get(workflow), counts.running_of[workflow]),
        (f"project {project}", limits.projects.get(project), counts.running_of_projects[project]),
        ("organisation", limits.max_running, counts.running),
    ):
        if most is not None and running >= most:
            return Wait("concurrency", on, None, f"{on} has {running} of {most} runs running{place}")
    turn = pool.rotation.index(org_id) if org_id in pool.rotation else None
    if pool.size and pool.running >= pool.size and turn is not None:
        others = f"{turn} other organisations are served before this one" if turn else "this organisation is next"
        return Wait(
            "concurrency", "pool", None, f"the pool has {pool.running} of {pool.size} runs running; {others}{place}"
        )
    return Wait("admission", detail=f"it is about to be admitted{place}")
