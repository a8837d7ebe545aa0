"""In which cell an organisation was when a run of it was submitted: that cell's log has the run's events."""

from connectors.postgres.database import Database

_NEXT = """
SELECT cell FROM (
    SELECT state_at AS at, from_cell AS cell FROM cell_arrival WHERE org_id = $1 AND state = 'open'
    UNION ALL
    SELECT ended_at, NULL FROM cell_move WHERE org_id = $1 AND state = 'switched'
) AS changes
WHERE at > to_timestamp($2 / 1000.0)
ORDER BY at LIMIT 1
"""


class Stays:
    """The moves that an organisation made to this cell and away from it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def before_arrival(self, org_id: str, at_ms: int) -> str | None:
        """Return the cell that an organisation came from next after a time; ``None`` if it was here then.

        That cell had it then, or knows the one that had it. Raises ``Unavailable``.
        """
        row = await self._database.fetchrow("read an organisation's moves", _NEXT, org_id, at_ms)
        return None if row is None else row["cell"]
