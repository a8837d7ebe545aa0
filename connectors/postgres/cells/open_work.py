"""What is open of an organisation, so that it cannot move yet, and what stands against a move at all."""

from connectors.postgres.database import Database
from connectors.postgres.keys import CONFIGURED
from schemas.run_states import TERMINAL_RUN

_ENDED = sorted(TERMINAL_RUN)
_UNSETTLED = "(state IN ('new', 'ready', 'batched') OR (state = 'canceled' AND NOT settled))"
#: By what it is called in the report: rows of organisation ``$1``, and what else the condition is given.
_OPEN: dict[str, tuple[str, tuple[object, ...]]] = {
    "runs": ("workflow_run WHERE org_id = $1 AND (status <> ALL($2::text[]) OR compensating)", (_ENDED,)),
    "batches": ("provider_batch WHERE org_id = $1 AND state <> 'ended'", ()),
    "calls in batches": (f"batch_item WHERE org_id = $1 AND {_UNSETTLED}", ()),
    "budgets that still count their past": ("budget WHERE org_id = $1 AND NOT opened", ()),
    # Of all organisations: the outbox does not say whose they are.
    "definitions that are not in the log": ("definition_outbox WHERE $1::text IS NOT NULL", ()),
}
#: What is refused, with what to do: the same.
_AGAINST: dict[str, tuple[str, tuple[object, ...]]] = {
    "it has the bootstrap key, which is the installation's; move other organisations": (
        "api_key WHERE org_id = $1 AND bootstrap",
        (),
    ),
    "keys of the settings (API_KEYS) are the installation's; give it keys of its own first": (
        "api_key WHERE org_id = $1 AND starts_with(id, $2)",
        (CONFIGURED,),
    ),
    "triggers of topics read this cell's brokers; pause them, and make them again in the other cell": (
        "run_trigger WHERE org_id = $1 AND kind = 'topic' AND NOT paused",
        (),
    ),
    "rollouts of prompts are running; end them first": ("deployment WHERE org_id = $1 AND status = 'running'", ()),
}


class OpenWork:
    """Reads what is open. Every method raises ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, org_id: str) -> dict[str, int]:
        """Return how much is open of an organisation, by what it is; what is not open is left out."""
        async with self._database.connection("read what is open") as conn:
            found = {
                what: await conn.fetchval(f"SELECT count(*) FROM {rows}", org_id, *given)
                for what, (rows, given) in _OPEN.items()
            }
        return {what: int(count) for what, count in found.items() if count}

    async def against(self, org_id: str) -> list[str]:
        """Return what stands against a move of an organisation at all, each with what to do."""
        async with self._database.connection("read what stands against a move") as conn:
            return [
                why
                for why, (rows, given) in _AGAINST.items()
                if await conn.fetchval(f"SELECT EXISTS (SELECT FROM {rows})", org_id, *given)
            ]

    async def replayable(self, org_id: str, days: int) -> int:
        """Return how many runs ended so few days ago that this cell's log may still have their events."""
        row = await self._database.fetchrow(
            "count runs that can be replayed",
            "SELECT count(*) AS runs FROM workflow_run WHERE org_id = $1 "
            "AND coalesce(finished_at, created_at) > now() - $2 * interval '1 day'",
            *(org_id, float(days)),
        )
        return 0 if row is None else int(row["runs"])

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
