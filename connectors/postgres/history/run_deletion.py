"""Deletes runs from history: those that are old, and single ones by request. Nothing here deletes money or audit."""

from collections.abc import Sequence
from dataclasses import dataclass

from connectors.postgres.database import Database, epoch_ms
from connectors.postgres.history.run_holds import HELD
from schemas.run_states import TERMINAL_RUN

#: Runs of one transaction: some thousand rows of steps, within the database's time limit.
BATCH = 200
#: Runs that are found at once: ClickHouse rewrites whole parts for each deletion, so it gets few large ones. Their ids
#: are part of an address, for which some servers have 64 KB.
FOUND = 1_000
_OVER = ", ".join(f"'{state}'" for state in sorted(TERMINAL_RUN))

_ORGANISATIONS = "SELECT id FROM organisation ORDER BY id"
# No run ends before it is submitted, so the index by organisation and time finds the old ones.
_EXPIRED = f"""
SELECT r.id FROM workflow_run AS r
WHERE r.org_id = $1 AND r.created_at < to_timestamp($2::double precision / 1000)
AND r.status IN ({_OVER}) AND NOT r.compensating
AND coalesce(r.finished_at, r.created_at) < to_timestamp($2::double precision / 1000)
AND NOT {HELD}
ORDER BY r.created_at, r.id LIMIT {FOUND}
"""
_ONE = f"""
SELECT r.status, r.compensating, {epoch_ms("coalesce(r.finished_at, r.created_at)")} AS ended_ms, {HELD} AS held
FROM workflow_run AS r WHERE r.org_id = $1 AND r.id = $2
"""
_REMEMBER = """
INSERT INTO deleted_run (id, org_id, body_hash, workflow_version, created_at, deleted_by)
SELECT id, org_id, body_hash, workflow_version, created_at, $3 FROM workflow_run WHERE org_id = $1 AND id = $2
ON CONFLICT DO NOTHING
"""
#: What is stored of a run, its row last: a deletion that is cut short is found again by it.
_DELETE = (
    "DELETE FROM step_run WHERE org_id = $1 AND workflow_run_id = ANY($2::text[])",
    "DELETE FROM live_score_due WHERE org_id = $1 AND run_id = ANY($2::text[])",
    "DELETE FROM live_score WHERE org_id = $1 AND run_id = ANY($2::text[])",
    "DELETE FROM workflow_run WHERE org_id = $1 AND id = ANY($2::text[])",
)


@dataclass(frozen=True, slots=True)
class EndedRun:
    """What decides whether a run may be deleted. ``is_open``: it has not ended, or it still compensates."""

    is_open: bool
    ended_ms: int
    held: bool


class RunDeletion:
    """The runs of all organisations. Every method raises ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def organisations(self) -> list[str]:
        """Return all organisations."""
        return [str(row["id"]) for row in await self._database.fetch("list organisations", _ORGANISATIONS)]

    async def expired(self, org_id: str, before_ms: int) -> list[str]:
        """Return runs that ended before a time and that no hold keeps, the oldest first; at most ``FOUND``."""
        rows = await self._database.fetch("find old runs", _EXPIRED, org_id, before_ms)
        return [str(row["id"]) for row in rows]

    async def find(self, org_id: str, run_id: str) -> EndedRun | None:
        """Return what history has of a run; ``None`` for one that it does not have."""
        row = await self._database.fetchrow("find a run", _ONE, org_id, run_id)
        if row is None:
            return None
        return EndedRun(row["status"] not in TERMINAL_RUN or row["compensating"], row["ended_ms"], row["held"])

    async def remember(self, org_id: str, run_id: str, by: str) -> None:
        """Note that a run is deleted by request: history never takes it in again, and knows its submission."""
        await self._database.fetchrow("note a deleted run", _REMEMBER, org_id, run_id, by)

    async def delete(self, org_id: str, run_ids: Sequence[str]) -> None:
        """Delete runs with all that belongs to them, ``BATCH`` at a time. Deleting them again changes nothing."""
        for start in range(0, len(run_ids), BATCH):
            async with self._database.transaction("delete runs") as conn:
                for statement in _DELETE:
                    await conn.execute(statement, org_id, list(run_ids[start : start + BATCH]))
