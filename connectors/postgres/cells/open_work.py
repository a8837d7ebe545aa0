"""What is open of an organisation, so that it cannot move yet, and what stands against a move at all."""

from connectors.postgres.database import Database
from connectors.postgres.keys import CONFIGURED
from schemas.run_states import TERMINAL_RUN

#: By what it is called in the report: how many there are. ``$2`` are the states in which runs have ended.
_OPEN = {
    "runs": "SELECT count(*) FROM workflow_run WHERE org_id = $1 AND (status <> ALL($2::text[]) OR compensating)",
    "batches": "SELECT count(*) FROM provider_batch WHERE org_id = $1 AND state <> 'ended' AND $2::text[] IS NOT NULL",
    "calls in batches": "SELECT count(*) FROM batch_item WHERE org_id = $1 AND (state IN ('new', 'ready', 'batched') "
    "OR (state = 'canceled' AND NOT settled)) AND $2::text[] IS NOT NULL",
    "budgets that still count their past": "SELECT count(*) FROM budget WHERE org_id = $1 AND NOT opened "
    "AND $2::text[] IS NOT NULL",
    "definitions that are not in the log": "SELECT count(*) FROM definition_outbox "
    "WHERE $1::text IS NOT NULL AND $2::text[] IS NOT NULL",
}
#: What is refused, with what to do.
_AGAINST = {
    "it has the bootstrap key, which is the installation's; move other organisations": "SELECT EXISTS (SELECT "
    "FROM api_key WHERE org_id = $1 AND bootstrap AND $2 <> '')",
    "keys of the settings (API_KEYS) are the installation's; give it keys of its own first": "SELECT EXISTS (SELECT "
    "FROM api_key WHERE org_id = $1 AND starts_with(id, $2))",
    "triggers of topics read this cell's brokers; pause them, and make them again in the other cell": "SELECT EXISTS ("
    "SELECT FROM run_trigger WHERE org_id = $1 AND kind = 'topic' AND NOT paused AND $2 <> '')",
    "rollouts of prompts are running; end them first": "SELECT EXISTS (SELECT FROM deployment WHERE org_id = $1 "
    "AND status = 'running' AND $2 <> '')",
}


class OpenWork:
    """Reads what is open. Every method raises ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, org_id: str) -> dict[str, int]:
        """Return how much is open of an organisation, by what it is; what is not open is left out."""
        ended = sorted(TERMINAL_RUN)
        async with self._database.connection("read what is open") as conn:
            found = {what: await conn.fetchval(sql, org_id, ended) for what, sql in _OPEN.items()}
        return {what: int(count) for what, count in found.items() if count}

    async def against(self, org_id: str) -> list[str]:
        """Return what stands against a move of an organisation at all, each with what to do."""
        async with self._database.connection("read what stands against a move") as conn:
            return [why for why, sql in _AGAINST.items() if await conn.fetchval(sql, org_id, CONFIGURED)]

    async def audit_keys(self) -> list[str]:
        """Return the public keys that signed checkpoints of this cell's audit logs."""
        rows = await self._database.fetch("read the keys of audit logs", "SELECT public_key FROM audit_key ORDER BY 1")
        return [row["public_key"] for row in rows]

    async def add_audit_keys(self, keys: list[str]) -> None:
        """Store public keys that signed checkpoints in another cell; those that are known stay."""
        await self._database.fetch(
            "store the keys of audit logs",
            "INSERT INTO audit_key (public_key) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING",
            keys,
        )
