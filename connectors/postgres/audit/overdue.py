"""Which audit logs have entries that are over, and that nobody holds."""

from connectors.postgres.database import Database

_OVERDUE = """
SELECT l.org_id FROM audit_log l WHERE EXISTS (
    SELECT 1 FROM audit_entry e
    WHERE e.org_id = l.org_id AND e.kind = $1 AND e.at_ms < $2 AND e.data IS NOT NULL AND e.action <> 'audit.expired'
    AND NOT EXISTS (
        SELECT 1 FROM audit_hold h WHERE h.org_id = e.org_id
        AND (h.kind IS NULL OR h.kind = e.kind) AND (h.actor IS NULL OR h.actor = e.actor)
        AND (h.run_id IS NULL OR h.run_id = e.run_id)
        AND (h.from_ms IS NULL OR e.at_ms >= h.from_ms) AND (h.until_ms IS NULL OR e.at_ms < h.until_ms)
    )
) ORDER BY l.org_id
"""


class AuditOverdue:
    """Looks for entries that ``writing.AuditWrites`` would take the bytes of, by the same conditions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def organisations(self, kind: str, before_ms: int) -> list[str]:
        """Return the organisations that have entries of a kind from before a time. Raises ``Unavailable``."""
        rows = await self._database.fetch("find old audit entries", _OVERDUE, kind, before_ms)
        return [row["org_id"] for row in rows]
