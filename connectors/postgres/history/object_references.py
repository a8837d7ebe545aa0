"""Which stored objects history refers to, and which were found to have no reference."""

from collections.abc import Collection, Sequence

from connectors.postgres.database import Database, epoch_ms
from schemas.run_states import TERMINAL_RUN

_OF_RUN = "stored_objects(output, error, stored_inputs)"
_OF_STEP = "stored_objects(output, error)"
# The indexes hold only rows that refer to something, and a query must say so to use them.
_REFERRED = f"""
SELECT unnest({_OF_RUN}) AS sha256 FROM workflow_run
WHERE org_id = $1 AND {_OF_RUN} IS NOT NULL AND {_OF_RUN} && $2::text[]
UNION
SELECT unnest({_OF_STEP}) FROM step_run
WHERE org_id = $1 AND {_OF_STEP} IS NOT NULL AND {_OF_STEP} && $2::text[]
"""
_OVER = ", ".join(f"'{state}'" for state in sorted(TERMINAL_RUN))
_OLDEST_OPEN = f"""
SELECT {epoch_ms("min(created_at)")} AS since_ms FROM workflow_run
WHERE org_id = $1 AND (status NOT IN ({_OVER}) OR compensating)
"""
_NOTE = """
INSERT INTO object_due (org_id, sha256, found_at)
SELECT $1, sha256, to_timestamp($3::double precision / 1000) FROM unnest($2::text[]) AS sha256
ON CONFLICT DO NOTHING
"""
_DUE = """
SELECT sha256 FROM object_due
WHERE org_id = $1 AND sha256 = ANY($2::text[]) AND found_at <= to_timestamp($3::double precision / 1000)
"""
_FORGET = "DELETE FROM object_due WHERE org_id = $1 AND sha256 = ANY($2::text[])"


class ObjectReferences:
    """The references of all organisations. Every method raises ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def referred(self, org_id: str, hashes: Sequence[str]) -> set[str]:
        """Return those of some objects that a run or step refers to."""
        rows = await self._database.fetch("find references to objects", _REFERRED, org_id, list(hashes))
        return {str(row["sha256"]) for row in rows} & set(hashes)

    async def open_since_ms(self, org_id: str) -> int | None:
        """Return when the oldest run that has not ended was submitted; ``None`` without one."""
        row = await self._database.fetchrow("find the oldest open run", _OLDEST_OPEN, org_id)
        return None if row is None else row["since_ms"]

    async def note(self, org_id: str, hashes: Sequence[str], now_ms: int) -> None:
        """Note that nothing refers to some objects now. One that is noted keeps its time."""
        await self._database.fetch("note objects without references", _NOTE, org_id, list(hashes), now_ms)

    async def due(self, org_id: str, hashes: Sequence[str], until_ms: int) -> list[str]:
        """Return those of some objects that were noted at or before a time."""
        rows = await self._database.fetch("find objects that are due", _DUE, org_id, list(hashes), until_ms)
        return [str(row["sha256"]) for row in rows]

    async def forget(self, org_id: str, hashes: Collection[str]) -> None:
        """Remove what was noted of some objects."""
        await self._database.fetch("forget objects", _FORGET, org_id, list(hashes))
