"""Quotas that organisations set for themselves. What is used of them is in Redis."""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from connectors.postgres.database import Database, epoch_ms, returned
from connectors.postgres.outbox import enqueue
from schemas.limits.quotas import OrganisationQuotas, QuotaLimits

_COLUMNS = f"limits, version, {epoch_ms('updated_at')} AS updated_ms"
#: The id of the one definition that an organisation's quotas are.
DEFINITION_ID = "quotas"


@dataclass(frozen=True)
class StoredQuotas:
    """An organisation's quotas. Version 0 was never set."""

    limits: tuple[QuotaLimits, ...] = ()
    version: int = 0
    updated_ms: int | None = None


class Quotas:
    """The quotas of all organisations. All methods raise ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, org_id: str) -> StoredQuotas:
        """Return an organisation's quotas."""
        row = await self._database.fetchrow(
            "read quotas", f"SELECT {_COLUMNS} FROM organisation_quotas WHERE org_id = $1", org_id
        )
        return StoredQuotas() if row is None else _stored(row)

    async def put(self, org_id: str, limits: Sequence[QuotaLimits]) -> StoredQuotas:
        """Replace an organisation's quotas and return them.

        A version is at least the time in milliseconds, so that versions of a database restored from a backup are newer
        than those in the log.
        """
        body = OrganisationQuotas(limits=tuple(limits)).model_dump(mode="json", exclude_none=True)
        now = epoch_ms("now()")
        async with self._database.transaction("store quotas") as conn:
            row = await conn.fetchrow(
                f"INSERT INTO organisation_quotas (org_id, version, limits) VALUES ($1, {now}, $2) "
                "ON CONFLICT (org_id) DO UPDATE SET limits = $2, updated_at = now(), "
                f"version = greatest(organisation_quotas.version + 1, {now}) RETURNING {_COLUMNS}",
                *(org_id, body["limits"]),
            )
            stored = _stored(returned(row, "store quotas"))
            await enqueue(conn, "quotas", org_id, DEFINITION_ID, body, stored.version)
        return stored


def _stored(row: asyncpg.Record) -> StoredQuotas:
    quotas = OrganisationQuotas.model_validate({"limits": row["limits"]})
    return StoredQuotas(quotas.limits, row["version"], row["updated_ms"])
