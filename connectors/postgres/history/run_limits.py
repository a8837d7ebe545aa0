"""Definitions of run limits. Running and waiting runs are in the table of admissions.

The row is its own outbox: it is on the topic when ``said_version`` has reached ``version``.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import asyncpg

from connectors.ports.engine import OutRecord
from connectors.postgres.database import Database, epoch_ms, returned
from schemas.records.admissions import LimitsSet
from topics.catalogue import ADMISSIONS
from topics.codec import encode

#: Publishing holds one transaction open, so a batch stays small.
BATCH = 200
NO_PROJECTS: Mapping[str, int] = {}
_COLUMNS = f"org_id, version, max_running_runs, workflows, projects, {epoch_ms('updated_at')} AS updated_ms"


@dataclass(frozen=True)
class StoredLimits:
    """An organisation's limits; ``None`` and omitted workflows and projects are unlimited. Version 0 was never set."""

    version: int = 0
    max_running_runs: int | None = None
    workflows: Mapping[str, int] = field(default_factory=dict)
    projects: Mapping[str, int] = field(default_factory=dict)
    updated_ms: int | None = None


class RunLimits:
    """The limits of all organisations. All methods raise ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, org_id: str) -> StoredLimits:
        """Return an organisation's limits."""
        row = await self._database.fetchrow(
            "read limits", f"SELECT {_COLUMNS} FROM run_limits WHERE org_id = $1", org_id
        )
        return StoredLimits() if row is None else _stored(row)

    async def put(
        self,
        org_id: str,
        max_running_runs: int | None,
        workflows: Mapping[str, int],
        projects: Mapping[str, int] = NO_PROJECTS,
    ) -> StoredLimits:
        """Set an organisation's limits and return them. Equal limits are not a new version.

        A version is at least the time in milliseconds, so that versions of a database restored from a backup are newer
        than those in the log.
        """
        now = epoch_ms("now()")
        same = (
            "run_limits.max_running_runs IS NOT DISTINCT FROM $2 AND run_limits.workflows = $3 "
            "AND run_limits.projects = $4"
        )
        row = await self._database.fetchrow(
            "store limits",
            "INSERT INTO run_limits (org_id, version, max_running_runs, workflows, projects) "
            f"VALUES ($1, {now}, $2, $3, $4) "
            "ON CONFLICT (org_id) DO UPDATE SET max_running_runs = $2, workflows = $3, projects = $4, "
            f"version = CASE WHEN {same} THEN run_limits.version ELSE greatest(run_limits.version + 1, {now}) END, "
            f"updated_at = CASE WHEN {same} THEN run_limits.updated_at ELSE now() END RETURNING {_COLUMNS}",
            *(org_id, max_running_runs, dict(workflows), dict(projects)),
        )
        return _stored(returned(row, "store limits"))

    async def limited(self) -> frozenset[str]:
        """Return the organisations that have limits."""
        rows = await self._database.fetch(
            "read who has limits",
            "SELECT org_id FROM run_limits WHERE max_running_runs IS NOT NULL OR workflows <> '{}' OR projects <> '{}'",
        )
        return frozenset(row["org_id"] for row in rows)

    async def publish(self, append: Callable[[Sequence[OutRecord]], Awaitable[None]]) -> int:
        """Append unpublished limits; return their number, 0 if nothing waits or another process is publishing.

        Raises ``Unavailable`` when either side does not answer; the limits are published again then.
        """
        async with self._database.transaction("publish limits") as conn:
            rows = await conn.fetch(
                f"SELECT {_COLUMNS} FROM run_limits WHERE version <> said_version ORDER BY org_id LIMIT $1 "
                "FOR UPDATE SKIP LOCKED",
                BATCH,
            )
            if rows:
                await append([_record(row) for row in rows])
                ids = [row["org_id"] for row in rows]
                await conn.execute("UPDATE run_limits SET said_version = version WHERE org_id = ANY($1)", ids)
            return len(rows)


def _stored(row: asyncpg.Record) -> StoredLimits:
    return StoredLimits(row["version"], row["max_running_runs"], row["workflows"], row["projects"], row["updated_ms"])


def _record(row: asyncpg.Record) -> OutRecord:
    event = LimitsSet(
        org_id=row["org_id"],
        version=row["version"],
        max_running_runs=row["max_running_runs"],
        workflows=row["workflows"],
        projects=row["projects"],
    )
    return OutRecord(ADMISSIONS, event.org_id.encode(), encode(event))
