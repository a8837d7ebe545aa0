"""Definitions of schedules, and their progress. A scheduler leases due ones; the API defines them."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import asyncpg

from connectors.postgres.cells.places import HERE
from connectors.postgres.database import Database, epoch_ms
from schemas.errors import Conflict, NotFound
from schemas.privacy.sealed_schedules import subject_of_inputs
from schemas.schedule import Timing

_COLUMNS = (
    "id, org_id, name, project, workflow_name, workflow_version, inputs, tags, budget_nano, cron, interval_s, "
    "time_zone, overlap, catchup, catchup_limit, paused, next_slot_ms, queued_slot_ms, last_slot_ms, last_run_id, "
    f"skipped, problem, problem_slot_ms, {epoch_ms('created_at')} AS created_ms, {epoch_ms('updated_at')} AS updated_ms"
)
_BACKFILL = (
    "id, org_id, schedule_id, from_ms, until_ms, next_ms, submitted, problem, "
    f"{epoch_ms('created_at')} AS created_ms, {epoch_ms('finished_at')} AS finished_ms"
)
#: Columns of the definition; the others are the schedule's progress.
DEFINED = (
    *("name", "project", "workflow_name", "workflow_version", "inputs", "tags", "budget_nano"),
    *("cron", "interval_s", "time_zone", "overlap", "catchup", "catchup_limit", "paused"),
)
MAX_SCHEDULES = 1_000


@dataclass(frozen=True)
class StoredSchedule:
    """A schedule. ``next_slot_ms`` is the first undecided slot, ``None`` if there is no further one.

    ``queued_slot_ms`` waits for the previous run's end. ``problem`` explains why ``problem_slot_ms`` could not be run.
    """

    id: str
    org_id: str
    name: str
    project: str | None
    workflow_name: str
    workflow_version: int | None
    inputs: dict[str, Any]
    tags: dict[str, str]
    budget_nano: int | None
    cron: str | None
    interval_s: int | None
    time_zone: str
    overlap: Literal["skip", "queue_one", "allow", "cancel_previous"]
    catchup: Literal["all", "latest", "none"]
    catchup_limit: int
    paused: bool
    next_slot_ms: int | None
    queued_slot_ms: int | None
    last_slot_ms: int | None
    last_run_id: str | None
    skipped: int
    problem: str | None
    problem_slot_ms: int | None
    created_ms: int
    updated_ms: int

    @property
    def subject(self) -> str:
        """The pseudonym of its runs' data subject, empty without one: then ``inputs`` are sealed."""
        return subject_of_inputs(self.inputs)

    @property
    def timing(self) -> Timing:
        """When it is due."""
        return Timing(self.cron, self.interval_s, self.time_zone)


@dataclass(frozen=True)
class StoredBackfill:
    """Past slots, [from, until), to be run. ``next_ms`` is the first one that is not done."""

    id: str
    org_id: str
    schedule_id: str
    from_ms: int
    until_ms: int
    next_ms: int
    submitted: int
    problem: str | None
    created_ms: int
    finished_ms: int | None


class Schedules:
    """The schedules of all organisations. Every method raises ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, org_id: str, defined: Mapping[str, Any], next_ms: int | None) -> tuple[StoredSchedule, bool]:
        """Store a schedule; return it, and true if it is new.

        The same schedule is found again. Raises ``Conflict`` when the name belongs to another one, or there are too
        many.
        """
        columns = ("id", "org_id", *DEFINED, "next_slot_ms")
        values = (f"sch_{secrets.token_hex(8)}", org_id, *(defined[name] for name in DEFINED), next_ms)
        places = ", ".join(f"${n}" for n in range(1, len(values) + 1))
        async with self._database.transaction("store a schedule") as conn:
            count = await conn.fetchval("SELECT count(*) FROM schedule WHERE org_id = $1", org_id)
            row = await conn.fetchrow(
                f"INSERT INTO schedule ({', '.join(columns)}) VALUES ({places}) "
                f"ON CONFLICT (org_id, name) DO NOTHING RETURNING {_COLUMNS}",
                *values,
            )
            if row is not None and count >= MAX_SCHEDULES:
                raise Conflict(f"an organisation has at most {MAX_SCHEDULES} schedules; delete one first")
            if row is None:
                there = await conn.fetchrow(
                    f"SELECT {_COLUMNS} FROM schedule WHERE org_id = $1 AND name = $2", org_id, defined["name"]
                )
                return StoredSchedule(**_same(there, defined)), False
        return StoredSchedule(**row), True

    async def check_name(self, org_id: str, defined: Mapping[str, Any]) -> None:
        """Raise ``Conflict`` when the name of a definition belongs to another schedule."""
        row = await self._database.fetchrow(
            "read a schedule",
            f"SELECT {_COLUMNS} FROM schedule WHERE org_id = $1 AND name = $2",
            *(org_id, defined["name"]),
        )
        if row is not None:
            _same(row, defined)

    async def inputs_of(self, org_id: str, name: str) -> dict[str, Any] | None:
        """Return the inputs of the schedule with a name, as its row has them; ``None`` without one."""
        row = await self._database.fetchrow(
            "read a schedule", "SELECT inputs FROM schedule WHERE org_id = $1 AND name = $2", *(org_id, name)
        )
        return None if row is None else dict(row["inputs"])

    async def check_renamed(self, org_id: str, schedule_id: str, name: str) -> None:
        """Raise ``Conflict`` when a name belongs to another schedule than this one."""
        row = await self._database.fetchrow(
            "read a schedule",
            "SELECT id FROM schedule WHERE org_id = $1 AND name = $2 AND id <> $3",
            *(org_id, name, schedule_id),
        )
        if row is not None:
            raise _taken(name)

    async def get(self, org_id: str, schedule_id: str) -> StoredSchedule:
        """Return a schedule. Raises ``NotFound``."""
        row = await self._database.fetchrow(
            "read a schedule", f"SELECT {_COLUMNS} FROM schedule WHERE org_id = $1 AND id = $2", org_id, schedule_id
        )
        return StoredSchedule(**_there(row, schedule_id))

    async def all(self, org_id: str) -> list[StoredSchedule]:
        """Return every schedule, by name."""
        rows = await self._database.fetch(
            "list schedules", f"SELECT {_COLUMNS} FROM schedule WHERE org_id = $1 ORDER BY name", org_id
        )
        return [StoredSchedule(**row) for row in rows]

    async def change(self, org_id: str, schedule_id: str, changes: Mapping[str, Any]) -> StoredSchedule:
        """Change fields of a definition, and ``next_slot_ms`` where given. Raises ``NotFound`` and ``Conflict``."""
        sets = ", ".join(f"{name} = ${n}" for n, name in enumerate(changes, start=3))
        try:
            row = await self._database.fetchrow(
                "change a schedule",
                f"UPDATE schedule SET {sets}, updated_at = now(), leased_until = NULL WHERE org_id = $1 AND id = $2 "
                f"RETURNING {_COLUMNS}",
                *(org_id, schedule_id, *changes.values()),
            )
        except asyncpg.UniqueViolationError as exc:
            raise _taken(changes["name"]) from exc
        return StoredSchedule(**_there(row, schedule_id))

    async def delete(self, org_id: str, schedule_id: str) -> None:
        """Delete a schedule with its backfills; its runs stay. Raises ``NotFound``."""
        row = await self._database.fetchrow(
            "delete a schedule", "DELETE FROM schedule WHERE org_id = $1 AND id = $2 RETURNING id", org_id, schedule_id
        )
        _there(row, schedule_id)

    async def lease_due(self, now_ms: int, lease_s: float, limit: int) -> list[StoredSchedule]:
        """Lease schedules with a slot that is due or queued, the longest due first, that nobody else has."""
        rows = await self._database.fetch(
            "lease schedules",
            "UPDATE schedule SET leased_until = now() + $2 * interval '1 second' WHERE id IN (SELECT id FROM schedule "
            "WHERE NOT paused AND (next_slot_ms <= $1 OR queued_slot_ms IS NOT NULL) "
            f"AND (leased_until IS NULL OR leased_until < now()) AND {HERE.format('schedule.org_id')} "
            f"ORDER BY next_slot_ms LIMIT $3 FOR UPDATE SKIP LOCKED) RETURNING {_COLUMNS}",
            *(now_ms, lease_s, limit),
        )
        return [StoredSchedule(**row) for row in rows]

    async def settle(self, before: StoredSchedule, changes: Mapping[str, Any]) -> StoredSchedule | None:
        """Write what was decided, unless the schedule has moved on meanwhile; return it, or ``None`` then."""
        sets = "".join(f"{name} = ${n}, " for n, name in enumerate(changes, start=4))
        row = await self._database.fetchrow(
            "settle a slot",
            f"UPDATE schedule SET {sets} leased_until = leased_until WHERE id = $1 "
            "AND next_slot_ms IS NOT DISTINCT FROM $2::bigint AND queued_slot_ms IS NOT DISTINCT FROM $3::bigint "
            f"AND NOT paused RETURNING {_COLUMNS}",
            *(before.id, before.next_slot_ms, before.queued_slot_ms, *changes.values()),
        )
        return StoredSchedule(**row) if row is not None else None

    async def release(self, schedule_id: str, wait_s: float = 0.0) -> None:
        """End a lease; for ``wait_s`` nobody may lease it again."""
        await self._database.fetchrow(
            "release a schedule",
            "UPDATE schedule SET leased_until = now() + $2 * interval '1 second' WHERE id = $1 RETURNING id",
            *(schedule_id, wait_s),
        )


class Backfills:
    """Backfills of all organisations. Every method raises ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, schedule: StoredSchedule, from_ms: int, until_ms: int) -> StoredBackfill:
        """Store a backfill."""
        row = await self._database.fetchrow(
            "store a backfill",
            "INSERT INTO schedule_backfill (id, org_id, schedule_id, from_ms, until_ms, next_ms) "
            f"VALUES ($1, $2, $3, $4, $5, $4) RETURNING {_BACKFILL}",
            *(f"bf_{secrets.token_hex(8)}", schedule.org_id, schedule.id, from_ms, until_ms),
        )
        return StoredBackfill(**_there(row, schedule.id))

    async def of(self, schedule_id: str, limit: int = 20) -> list[StoredBackfill]:
        """Return a schedule's newest backfills."""
        rows = await self._database.fetch(
            "list backfills",
            f"SELECT {_BACKFILL} FROM schedule_backfill WHERE schedule_id = $1 ORDER BY created_at DESC, id LIMIT $2",
            *(schedule_id, limit),
        )
        return [StoredBackfill(**row) for row in rows]

    async def lease(self, lease_s: float) -> tuple[StoredBackfill, StoredSchedule] | None:
        """Lease the oldest unfinished backfill that nobody else has, with its schedule."""
        async with self._database.transaction("lease a backfill") as conn:
            row = await conn.fetchrow(
                "UPDATE schedule_backfill SET leased_until = now() + $1 * interval '1 second' WHERE id = ("
                "SELECT id FROM schedule_backfill WHERE finished_at IS NULL "
                f"AND (leased_until IS NULL OR leased_until < now()) AND {HERE.format('schedule_backfill.org_id')} "
                "ORDER BY created_at LIMIT 1 "
                f"FOR UPDATE SKIP LOCKED) RETURNING {_BACKFILL}",
                lease_s,
            )
            if row is None:
                return None
            schedule = await conn.fetchrow(f"SELECT {_COLUMNS} FROM schedule WHERE id = $1", row["schedule_id"])
        return (StoredBackfill(**row), StoredSchedule(**schedule)) if schedule is not None else None

    async def settle(self, before: StoredBackfill, next_ms: int, submitted: int, problem: str | None) -> None:
        """Advance a backfill to ``next_ms`` and end its lease; at its end it is finished."""
        await self._database.fetchrow(
            "settle a backfill",
            "UPDATE schedule_backfill SET next_ms = $3, submitted = submitted + $4, problem = coalesce($5, problem), "
            "leased_until = NULL, finished_at = CASE WHEN $3 >= until_ms THEN now() END "
            "WHERE id = $1 AND next_ms = $2 RETURNING id",
            *(before.id, before.next_ms, next_ms, submitted, problem),
        )


def unknown_schedule(schedule_id: str) -> NotFound:
    """Return the error for a schedule that the organisation, or the caller, does not have."""
    return NotFound(f"there is no schedule {schedule_id}; see GET /api/v1/schedules")


def _taken(name: str) -> Conflict:
    return Conflict(f"a schedule named {name!r} exists; take another name")


def _same(row: asyncpg.Record | None, defined: Mapping[str, Any]) -> asyncpg.Record:
    if row is None or any(row[name] != defined[name] for name in DEFINED):
        raise Conflict(f"a schedule named {defined['name']!r} exists; change it with PATCH, or choose another name")
    return row


def _there(row: asyncpg.Record | None, schedule_id: str) -> asyncpg.Record:
    if row is None:
        raise unknown_schedule(schedule_id)
    return row
