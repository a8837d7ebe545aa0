"""Where runs are in the log, as history has it: a run's version is the offset of the record of its last view."""

from typing import NamedTuple

from connectors.postgres.database import Database, epoch_ms


class RunPlace(NamedTuple):
    """When a run was submitted, in milliseconds, its state, and the offset of the record of its last view."""

    submitted_ms: int
    status: str
    version: int


class RunPlaces:
    """Finds the places of runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, org_id: str, run_id: str) -> RunPlace | None:
        """Return where an organisation's run is; ``None`` if history does not have it. Raises ``Unavailable``."""
        row = await self._database.fetchrow(
            "find a run's place",
            f"SELECT {epoch_ms('created_at')} AS created_ms, status, version FROM workflow_run "
            "WHERE org_id = $1 AND id = $2",
            *(org_id, run_id),
        )
        return None if row is None else RunPlace(row["created_ms"], row["status"], row["version"])
